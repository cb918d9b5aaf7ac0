using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench;

/// <summary>
/// Matrix products of the host backend beside OpenBLAS: rounds of both in turn, each round long enough for the clock; the
/// median round counts. The ratio is what repeats from run to run, not the rate.
/// </summary>
internal static unsafe class GemmComparison
{
    private const int Rounds = 25;
    private const double RoundSeconds = 0.004;

    public sealed record Row(string Name, string Layout, int M, int N, int K, int Threads, double Gflops, double? OpenBlasGflops, double? RatioToOpenBlas);

    private static readonly JsonSerializerOptions JsonOptions = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    public static int Run(bool json)
    {
        var blas = OpenBlas.Load();
        var output = json ? Console.Error : Console.Out;
        output.WriteLine(blas is null
            ? "OpenBLAS is absent (libopenblas.so.0 was not found): rates only, no ratios"
            : $"beside {blas.Description}");
        output.WriteLine($"{Environment.ProcessorCount} cores{(X86Base.IsSupported ? ", " + (Avx512F.IsSupported ? "AVX-512" : "no AVX-512") : "")}; medians of {Rounds} rounds, GFLOP/s");
        output.WriteLine($"{"",-38}{"",-3}{"M",6}{"N",6}{"K",6}{"threads",9}{"FedSpine",10}{"OpenBLAS",10}{"ratio",8}");

        var rows = new List<Row>();
        int[] counts = Environment.ProcessorCount == 1 ? [1] : [1, 2];
        foreach (int threads in counts)
        {
            blas?.SetThreads(threads);
            using var backend = HostBackend.Create(threads);
            foreach (var (name, shape) in GemmShapes.All)
            {
                var row = Measure(name, shape, threads, backend, blas);
                rows.Add(row);
                output.WriteLine($"{row.Name,-38}{row.Layout,-3}{row.M,6}{row.N,6}{row.K,6}{row.Threads,9}{row.Gflops,10:f1}{row.OpenBlasGflops,10:f1}{row.RatioToOpenBlas,8:f2}");
            }
        }

        double? mean = blas is null ? null : Math.Exp(rows.Average(r => Math.Log(r.RatioToOpenBlas!.Value)));
        if (blas is not null)
            output.WriteLine($"geometric mean of the ratios {mean:f2}");
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(new { openBlas = blas?.Description, geometricMeanRatio = mean, rows }, JsonOptions));
        return 0;
    }

    private static Row Measure(string name, in MatMulShape shape, int threads, IComputeBackend backend, OpenBlas? blas)
    {
        var layout = new ArenaLayout();
        long atA = layout.Reserve<float>(shape.M * shape.K), atB = layout.Reserve<float>(shape.K * shape.N), atC = layout.Reserve<float>(shape.M * shape.N);
        using var arena = (HostArena)backend.Allocate(layout.Bytes);
        DeviceSpan<float> a = new(arena, atA, shape.M * shape.K), b = new(arena, atB, shape.K * shape.N), c = new(arena, atC, shape.M * shape.N);
        float* pa = (float*)(arena.Pointer + atA), pb = (float*)(arena.Pointer + atB), pc = (float*)(arena.Pointer + atC);
        for (int i = 0; i < a.Length; i++)
            pa[i] = (i % 13 - 6) / 8f;
        for (int i = 0; i < b.Length; i++)
            pb[i] = (i % 11 - 5) / 8f;

        var s = shape;
        double ours = Seconds(() => backend.MatMul(c, a, b, s)); // also the warm-up: code, caches, scratch
        int repeats = (int)Math.Clamp(RoundSeconds / ours, 1, 100_000);
        var times = new double[Rounds];
        var blasTimes = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
                backend.MatMul(c, a, b, s);
            times[round] = Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
            if (blas is null)
                continue;
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
                blas.MatMul(pc, pa, pb, s);
            blasTimes[round] = Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
        }

        double gflops = shape.Flops / Median(times) / 1e9;
        double? blasGflops = blas is null ? null : shape.Flops / Median(blasTimes) / 1e9;
        return new Row(name, shape.Layout.ToString(), shape.M, shape.N, shape.K, threads, gflops, blasGflops, gflops / blasGflops);
    }

    /// <summary>Seconds a call takes once it is warm.</summary>
    private static double Seconds(Action call)
    {
        var watch = Stopwatch.StartNew();
        int calls = 0;
        double last = 0;
        while (watch.Elapsed.TotalSeconds < 0.05 || calls < 3)
        {
            double start = watch.Elapsed.TotalSeconds;
            call();
            calls++;
            last = watch.Elapsed.TotalSeconds - start;
        }

        return last;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
