using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace FedSpine.Bench.Suites;

/// <summary>Short, in this process: seconds a case. One run is too short to tell a few percent: that is what the gate is for.</summary>
internal sealed class SuiteConfig : ManualConfig
{
    public SuiteConfig()
    {
        AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithIterationCount(5));
        AddDiagnoser(MemoryDiagnoser.Default);
        AddColumn(
            new RateColumn("GFLOP/s", "operations of the workload a second", (name, _, seconds) => WorkloadCosts.Flops(name) / seconds / 1e9),
            new RateColumn("GB/s", "bytes that the workload must move a second", (name, _, seconds) => WorkloadCosts.Bytes(name) / seconds / 1e9),
            new RateColumn("Peak", "% of OpenBLAS's 1536^3 rate with as many threads, measured after the benchmarks",
                (name, threads, seconds) => WorkloadCosts.Flops(name) is > 0 and var flops ? 100 * flops / seconds / 1e9 / WorkloadCosts.Peak(threads) : 0));
    }
}
