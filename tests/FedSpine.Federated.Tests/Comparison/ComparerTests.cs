using FedSpine.Engine;
using FedSpine.Federated.Comparison;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using FedSpine.Federated.Tests.Simulation;

namespace FedSpine.Federated.Tests.Comparison;

public sealed class ComparerTests(TinyWorld world) : IClassFixture<TinyWorld>
{
    private ComparisonPlan Plan => new()
    {
        Settings = SettingsText.Parse([$"model={world.Classification.Model}", "devices=4", "rounds=2", "local-steps=4", "prune-interval=2", "batch=4", "length=24",
            "rank=4", "min-rank=1", "evaluate-examples=8", "lr=0.001"], "test"),
        Variants = [.. ComparisonConfig.OfMethods(["fedspine", "fed-random", "hetlora"])],
        DataSets = [new NamedSettings("tiny", SettingsText.Parse([$"data={world.Labelled}"], "test"))],
        Seeds = [1, 2],
    };

    private ComparisonFolder NewFolder() => new(world.NewFolder());

    [Fact]
    public void Every_variant_runs_with_every_seed_and_the_reference_once()
    {
        var folder = NewFolder();
        var progress = new Watcher();
        var summary = Comparer.Run(Plan, folder, new SimulationCompute(1), Simulator.Run, progress, CancellationToken.None);
        Assert.Equal(["fedspine", "fed-random", "hetlora", "unpruned", "fedspine", "fed-random", "hetlora", "unpruned"], progress.Started.Select(c => c.Name));
        Assert.Equal((8, 8), (summary.Cells, summary.FinishedCells));
        Assert.Equal(["fed-random", "hetlora", "unpruned"], summary.Pairs.Select(p => p.Other));
        Assert.All(summary.Pairs, p => Assert.Equal(2, p.Pairs));
        Assert.All(summary.Runs, r => Assert.Equal(2, r.Curve.Count));
        Assert.All(summary.Runs.Where(r => r.Variant is "fedspine" or "fed-random"), r =>
        {
            Assert.InRange(r.Sparsity, 0.49, 0.51);
            Assert.InRange(r.TrainingMemoryRatio, 0.3, 0.99);
            Assert.InRange(r.TrainingMemoryPeakRatio, r.TrainingMemoryRatio, 2);
            Assert.Equal(summary.Runs.Single(u => u.Variant == "unpruned" && u.Seed == r.Seed).Quality, r.QualityUnpruned);
        });
        foreach (var runs in summary.Runs.Where(r => r.Variant != "unpruned").GroupBy(r => r.Seed))
        {
            Assert.Equal(runs.Min(r => r.Curve.Max(p => p.Quality)), runs.Select(r => r.Common).Distinct().Single());
            Assert.All(runs, r => Assert.Equal(r.Curve.First(p => p.Quality >= r.Common!.Value).Seconds, r.SecondsToCommon));
        }

        foreach (string path in new[] { folder.Summary, folder.Table, folder.Report, folder.Config })
            Assert.True(File.Exists(path), path);
        Assert.DoesNotContain("http", File.ReadAllText(folder.Report));
        Assert.False(Directory.Exists(progress.Started[0].Folder(folder.Path).Models));

        // Nothing is repeated.
        var again = Comparer.Run(ComparisonConfig.Read(folder.Config), folder, new SimulationCompute(1), (_, _, _, _, _, _) => throw new InvalidOperationException("ran again"), new Watcher(), CancellationToken.None);
        Assert.Equal(summary.Pairs, again.Pairs);
    }

    [Fact]
    public void The_reference_is_the_one_that_simulate_runs_beside_a_pruned_federation()
    {
        var cell = Plan.Cells().Single(c => c.Name == "unpruned" && c.Seed == 1);
        var beside = world.Run(Plan.Cells()[0].Options with { Reference = true }).Summary;
        var alone = world.Run(cell.Options).Summary;
        Assert.Equal((beside.AccuracyUnpruned, beside.VirtualSecondsUnpruned, beside.BytesUpUnpruned), (alone.Accuracy, alone.VirtualSeconds, alone.BytesUp));
    }

    [Fact]
    public void A_comparison_that_was_stopped_ends_like_one_that_was_not()
    {
        var plan = Plan with { Seeds = [1], Reference = false };
        var whole = Comparer.Run(plan, NewFolder(), new SimulationCompute(1), Simulator.Run, new Watcher(), CancellationToken.None);
        var folder = NewFolder();
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Comparer.Run(plan, folder, new SimulationCompute(1), Simulator.Run, new Watcher { StopAfterRounds = (3, cancel) }, cancel.Token));
        var second = plan.Cells()[1].Folder(folder.Path);
        Assert.Null(RunFolderReader.ReadSummary(second)); // stopped within it
        Assert.Single(RunFolderReader.ReadRounds(second));
        Assert.NotNull(RunFolderReader.ReadSummary(plan.Cells()[0].Folder(folder.Path)));

        var progress = new Watcher();
        var resumed = Comparer.Run(ComparisonConfig.Read(folder.Config), folder, new SimulationCompute(2), Simulator.Run, progress, CancellationToken.None);
        Assert.Equal(["fed-random", "hetlora"], progress.Started.Select(c => c.Name));
        Assert.Equal(3, progress.Rounds); // of four
        Assert.Equal(whole.Runs.Select(r => (r.Variant, r.Quality, string.Join(' ', r.Curve))), resumed.Runs.Select(r => (r.Variant, r.Quality, string.Join(' ', r.Curve))));
    }

    [Fact]
    public void A_run_of_other_settings_in_the_folder_is_refused()
    {
        var plan = Plan with { Seeds = [1], Reference = false };
        var folder = NewFolder();
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Comparer.Run(plan, folder, new SimulationCompute(1), Simulator.Run, new Watcher { StopAfterRounds = (1, cancel) }, cancel.Token));
        var other = plan with { Settings = SettingsText.Parse([.. plan.Settings.Where(p => p.Key != "rounds").Select(p => $"{p.Key}={p.Value}"), "rounds=3"], "test") };
        Assert.Contains("is of a run with other settings", Assert.Throws<InputException>(() => Comparer.Run(other, folder, new SimulationCompute(1), Simulator.Run, new Watcher(), CancellationToken.None)).Message);
    }

    private sealed class Watcher : TinyWorld.Silent, IComparisonProgress
    {
        public List<ComparisonCell> Started { get; } = [];

        public int Rounds { get; private set; }

        public (int Rounds, CancellationTokenSource? Cancel) StopAfterRounds { get; init; }

        public void Begin(int cells, int finished, IReadOnlyList<ComparisonCell> left) => Assert.Equal(cells, finished + left.Count);

        public void CellStarted(ComparisonCell cell) => Started.Add(cell);

        public ISimulationProgress OfCell(ComparisonCell cell) => this;

        public void CellFinished(ComparisonCell cell, RunSummary summary, double seconds) => Assert.Equal(cell.Seed, summary.Seed);

        public override void RoundFinished(RoundRecord round)
        {
            if (++Rounds == StopAfterRounds.Rounds)
                StopAfterRounds.Cancel!.Cancel();
        }
    }
}
