using BenchmarkDotNet.Attributes;
using FedSpine.Bench.Workloads;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Bench.Suites;

/// <summary>One group of workloads under BenchmarkDotNet, with GFLOP/s, GB/s, share of the peak and allocated bytes.</summary>
[Config(typeof(SuiteConfig))]
public abstract class WorkloadBenchmarks
{
    private IComputeBackend _backend = null!;
    private Workload _workload = null!;

    /// <summary>Of the group's recipes.</summary>
    [ParamsSource(nameof(Names))]
    public string Name { get; set; } = "";

    [Params(1, 2)]
    public int Threads { get; set; }

    public IEnumerable<string> Names => Recipes.Select(r => r.Name);

    private protected abstract IReadOnlyList<WorkloadRecipe> Recipes { get; }

    [GlobalSetup]
    public void Setup()
    {
        _backend = HostBackend.Create(Threads);
        _workload = Recipes.Single(r => r.Name == Name).Create(_backend);
        WorkloadCosts.Record(Name, _workload);
    }

    [Benchmark]
    public void Run() => _workload.Run();

    [GlobalCleanup]
    public void Cleanup()
    {
        _workload.Dispose();
        _backend.Dispose();
    }
}

public class ProductBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => OperatorWorkloads.Products;
}

public class LayerBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => OperatorWorkloads.Layers;
}

public class RowBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => OperatorWorkloads.Rows;
}

public class TrainingBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => ModelWorkloads.Training;
}

public class InferenceBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => ModelWorkloads.Inference;
}

public class GenerationBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => ModelWorkloads.Generation;
}

public class PruningBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => ModelWorkloads.Pruning;
}

public class LoadBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => ModelWorkloads.Loading;
}

public class AggregationBenchmarks : WorkloadBenchmarks
{
    private protected override IReadOnlyList<WorkloadRecipe> Recipes => AggregationWorkloads.All;
}
