using System.Collections.Concurrent;
using FedSpine.Bench.Measuring;
using FedSpine.Bench.Workloads;

namespace FedSpine.Bench.Suites;

/// <summary>What each workload costs, told by the benchmark, which runs in this process, to the columns that print rates.</summary>
internal static class WorkloadCosts
{
    private static readonly ConcurrentDictionary<string, (double Flops, double Bytes)> s_costs = new();
    private static readonly ConcurrentDictionary<int, double> s_peaks = new();

    public static void Record(string name, Workload workload) => s_costs[name] = (workload.Flops, workload.Bytes);

    public static double Flops(string name) => s_costs.GetValueOrDefault(name).Flops;

    public static double Bytes(string name) => s_costs.GetValueOrDefault(name).Bytes;

    /// <summary>OpenBLAS's GFLOP/s at 1536^3, the median of seven, measured when first asked for; NaN where it is absent.</summary>
    public static double Peak(int threads) => s_peaks.GetOrAdd(threads, count =>
    {
        if (OpenBlas.Load() is not { } blas)
            return double.NaN;
        using var rate = new OpenBlasRate(blas, count);
        return Robust.Median(Enumerable.Range(0, 7).Select(_ => rate.Gflops().Best).ToArray());
    });
}
