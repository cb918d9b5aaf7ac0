using System.Diagnostics;
using FedSpine.Bench.Measuring;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Bench.Steps;

/// <summary>
/// What profiling adds to a step: the calls of a step, counted, times what the profiler adds to the smallest possible call. Two
/// whole steps side by side differ by more than it through noise alone.
/// </summary>
internal static class ProfilerOverhead
{
    private const int Calls = 20_000, Rounds = 9;

    /// <summary>As a share of a step that takes <paramref name="stepSeconds"/>.</summary>
    public static double Measure(StepOptions options, double stepSeconds)
    {
        using var profiler = new ProfilingBackend(HostBackend.Create(options.Threads));
        int calls;
        using (var setup = new StepSetup(profiler, options, 0))
        {
            setup.Train();
            profiler.Clear();
            setup.Train();
            calls = profiler.Calls.Count;
        }

        using var plain = HostBackend.Create(options.Threads);
        using Arena arena = profiler.Allocate(4 * Arena.Alignment), plainArena = plain.Allocate(4 * Arena.Alignment);
        profiler.Label(Weight(arena), "layer 1");
        double[] seconds = [.. Enumerable.Range(0, Rounds).Select(_ =>
        {
            profiler.Clear();
            return Seconds(profiler, arena) - Seconds(plain, plainArena);
        })];
        return calls * Math.Max(0, Robust.Median(seconds)) / Calls / stepSeconds;
    }

    private static double Seconds(IComputeBackend backend, Arena arena)
    {
        DeviceSpan<float> y = new(arena, 0, 1), x = new(arena, Arena.Alignment, 1);
        var w = new LinearOperands(Weight(arena), default, default, default, In: 1, Out: 1, Rank: 0, Scale: 0);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Calls; i++)
            backend.LinearForward(y, default, x, w, 1);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static WeightSpan Weight(Arena arena) => new DeviceSpan<float>(arena, 2 * Arena.Alignment, 1);
}
