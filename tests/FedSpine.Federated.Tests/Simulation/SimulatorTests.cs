using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Pruning;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Tests.Simulation;

public class SimulatorTests(TinyWorld world) : IClassFixture<TinyWorld>
{
    public static TheoryData<string> Policies => [.. PolicyFactory.Names];

    public static TheoryData<string> Aggregations => [.. AggregatorFactory.Names];

    public static TheoryData<string> Criteria => [.. ImportanceCriteria.Names];

    [Fact]
    public void One_and_two_threads_give_the_same_rounds()
    {
        var one = world.Run(world.Classification, threads: 1);
        var two = world.Run(world.Classification, threads: 2);
        Assert.Equal(Rounds(one.Folder), Rounds(two.Folder));
        Assert.Equal(one.Summary.Accuracy, two.Summary.Accuracy);
        Assert.Equal(one.Summary.AccuracyUnpruned, two.Summary.AccuracyUnpruned);
    }

    [Fact]
    public void Another_seed_gives_other_rounds() => Assert.NotEqual(
        Rounds(world.Run(world.Classification).Folder), Rounds(world.Run(world.Classification with { Seed = 2 }).Folder));

    [Theory]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    public void A_resumed_run_ends_like_an_uninterrupted_one(int round, bool betweenRounds)
    {
        var whole = world.Run(world.Classification);
        string folder = world.NewFolder();
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            Simulator.Run(world.Classification, folder, resume: false, new(2), new Interrupter(cancel, round, betweenRounds), cancel.Token));
        Assert.Equal(betweenRounds ? round : round - 1, RunFolderReader.ReadRounds(new RunFolder(folder)).Count);

        var resumed = Simulator.Run(new SimulationOptions(), folder, resume: true, new(1), new TinyWorld.Silent(), CancellationToken.None);
        Assert.Equal(Rounds(whole.Folder), Rounds(folder));
        Assert.Equal(Timeless(whole.Summary), Timeless(resumed));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void Every_policy_brings_every_device_to_the_target(string policy)
    {
        var (folder, summary) = world.Run(world.Classification with { Policy = policy, Reference = false });
        Assert.InRange(summary.Sparsity, 0.49, 0.51);
        double step = PruningRatio.Step(BaseSpec());
        Assert.All(RunFolderReader.ReadDevices(new RunFolder(folder)), d => Assert.InRange(d.Sparsity, 0.5 - step, 0.5 + step));
        Assert.All(RunFolderReader.ReadRounds(new RunFolder(folder)).SelectMany(r => r.Participants), p =>
        {
            Assert.InRange(p.Rank, 1, 4);
            Assert.True(p.RatioReached >= p.RatioBefore - 1e-12);
            Assert.InRange(p.Reward, 0, 1);
        });
    }

    [Theory]
    [MemberData(nameof(Aggregations))]
    public void Every_aggregation_runs(string aggregation)
    {
        // fedavg averages equal ranks only.
        var options = world.Classification with { Aggregation = aggregation, MinRank = 4 };
        var summary = world.Run(options).Summary;
        Assert.InRange(summary.Sparsity, 0.49, 0.51);
        Assert.True(summary.BytesUp > 0 && summary.BytesDown > 0);
        Assert.InRange(summary.Accuracy!.Value, 0, 1);
    }

    [Theory]
    [MemberData(nameof(Criteria))]
    public void Every_criterion_runs(string criterion) =>
        Assert.InRange(world.Run(world.Classification with { Criterion = criterion, Reference = false }).Summary.Sparsity, 0.49, 0.51);

    [Fact]
    public void A_decoder_is_federated_on_plain_text()
    {
        var (folder, summary) = world.Run(world.CausalLm);
        Assert.Null(summary.Accuracy);
        Assert.InRange(summary.Perplexity!.Value, 1, 1000);
        Assert.InRange(summary.Sparsity, 0.28, 0.32);
        Assert.All(RunFolderReader.ReadDevices(new RunFolder(folder)), d => Assert.All(d.QueryHeads.Zip(d.KeyValueHeads), h => Assert.Equal(2 * h.Second, h.First)));
    }

    [Fact]
    public void Exported_models_load_in_the_shape_of_their_device()
    {
        var (folder, _) = world.Run(world.Classification);
        var devices = RunFolderReader.ReadDevices(new RunFolder(folder));
        using var backend = HostBackend.Create(1);
        foreach (var first in devices.GroupBy(d => d.Class).Select(g => g.MinBy(d => d.Device)!))
        {
            string path = Path.Combine(new RunFolder(folder).Models, first.Class.ToLowerInvariant().Replace(' ', '-'));
            using var model = ModelFolder.Load(backend, path).Model;
            Assert.Equal(first.Parameters, model.ParameterCount);
            Assert.Equal(first.FfnWidths, model.Spec.Layers.Select(l => l.FfnWidth));
            Assert.Equal(first.QueryHeads, model.Spec.Layers.Select(l => l.QueryHeads));
            Engine.Text.TextTokenizer.Load(path).CheckFits(model.Spec);
        }
    }

    [Fact]
    public void Without_pruning_the_run_equals_its_reference()
    {
        var summary = world.Run(world.Classification with { TargetSparsity = 0, MinRank = 4, Policy = "fixed" }).Summary;
        Assert.Equal(summary.AccuracyUnpruned, summary.Accuracy);
        Assert.Equal(summary.VirtualSecondsUnpruned, summary.VirtualSeconds);
    }

    [Fact]
    public void A_target_beyond_the_protected_layers_is_refused_with_what_is_possible()
    {
        var error = Assert.Throws<InputException>(() => world.Run(world.Classification with { TargetSparsity = 0.9 }));
        Assert.Contains("--target-sparsity 0.9", error.Message);
        Assert.Contains("at most 0.", error.Message);
    }

    [Fact]
    public void A_folder_with_a_run_is_left_alone()
    {
        var (folder, _) = world.Run(world.Classification with { Reference = false });
        string before = File.ReadAllText(new RunFolder(folder).Summary);
        Assert.Throws<InputException>(() => Simulator.Run(world.Classification, folder, resume: false, new(1), new TinyWorld.Silent(), CancellationToken.None));
        Assert.Equal(before, File.ReadAllText(new RunFolder(folder).Summary));
    }

    [Fact]
    public void A_damaged_checkpoint_is_refused_in_one_line()
    {
        string folder = world.NewFolder();
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            Simulator.Run(world.Classification, folder, resume: false, new(1), new Interrupter(cancel, 1, true), cancel.Token));
        string state = Directory.EnumerateFiles(new RunFolder(folder).Checkpoint, "*.json").Single();
        File.WriteAllText(state, File.ReadAllText(state)[..200]);
        var error = Assert.Throws<InputException>(() => Simulator.Run(new SimulationOptions(), folder, resume: true, new(1), new TinyWorld.Silent(), CancellationToken.None));
        Assert.Contains(state, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static Engine.Models.ModelSpec BaseSpec() => new Engine.Training.PretrainOptions { Layers = 6, Width = 16, Heads = 4, FfnWidth = 32, Length = 48 }.Spec(400, 1, 0, 2);

    private static string[] Rounds(string folder) => [.. File.ReadLines(new RunFolder(folder).Rounds).Select(line =>
    {
        var json = JsonNode.Parse(line)!.AsObject();
        Assert.True(json.Remove("wallSeconds"));
        return json.ToJsonString();
    })];

    /// <summary>Everything of a summary that the machine and its load do not decide.</summary>
    private static string Timeless(RunSummary summary) => JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(
        summary with { WallSeconds = 0, PeakRssBytes = 0, InferenceTimeRatio = 0 }))!.ToJsonString();

    private sealed class Interrupter(CancellationTokenSource cancel, int round, bool betweenRounds) : TinyWorld.Silent
    {
        public override void DeviceFinished(int at, int finished, int participants)
        {
            if (!betweenRounds && at == round)
                cancel.Cancel();
        }

        public override void RoundFinished(RoundRecord record)
        {
            if (betweenRounds && record.Round == round)
                cancel.Cancel();
        }
    }
}
