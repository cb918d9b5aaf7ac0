using FedSpine.Federated.Comparison;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Comparison;

/// <summary>The smoke test of the comparison: on the bundled sample, in a short run, fedspine is not below pruning blindly.</summary>
public sealed class OrderingTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-ordering-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Fedspine_is_at_least_as_good_as_random_pruning()
    {
        // fedspine compare --methods fedspine,fed-random --rounds 4 --local-steps 20 --prune-interval 5 --devices 4 --no-reference --evaluate-every 4
        var plan = new ComparisonPlan
        {
            Settings = SettingsText.Parse(["rounds=4", "local-steps=20", "prune-interval=5", "devices=4", "evaluate-every=4"], "test"),
            Variants = [.. ComparisonConfig.OfMethods(["fedspine", "fed-random"])],
            DataSets = [new NamedSettings("sample", [])],
            Reference = false,
        };
        var summary = Comparer.Run(plan, new ComparisonFolder(Path.Combine(_root, "comparison")), new SimulationCompute(0), Simulator.Run, new Nobody(), CancellationToken.None);
        var pair = Assert.Single(summary.Pairs);
        Assert.Equal(3, pair.Pairs);
        Assert.True(pair.Difference >= 0, pair.Words);
        Assert.All(summary.Runs, r => Assert.InRange(r.Sparsity, 0.48, 0.52));
    }

    private sealed class Nobody : Tests.Simulation.TinyWorld.Silent, IComparisonProgress
    {
        public void Begin(int cells, int finished, IReadOnlyList<ComparisonCell> left) { }

        public void CellStarted(ComparisonCell cell) { }

        public ISimulationProgress OfCell(ComparisonCell cell) => this;

        public void CellFinished(ComparisonCell cell, FedSpine.Federated.Reporting.RunSummary summary, double seconds) { }
    }
}
