using FedSpine.Bench.Measuring;
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
    private const double RoundSeconds = 0.004;

    /// <param name="Shape">For people: "NT 1024 x 768 x 768", with the batch in front where there is one.</param>
    /// <param name="RatioToOpenBlas">Our rate over OpenBLAS's; null where OpenBLAS is absent.</param>
    public sealed record Row(string Shape, string Name, string Layout, int M, int N, int K, int Batch, int Threads, double Gflops,
        double? OpenBlasGflops, double? RatioToOpenBlas);

    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--rounds", "--threads", "--only"], ["--json"]);
        int rounds = options.Integer("--rounds", 25, 1, 10_000);
        int[] counts = options.Has("--threads") ? [options.Integer("--threads", 1, 1, 1024)] : Environment.ProcessorCount == 1 ? [1] : [1, 2];
        string only = options.Text("--only") ?? "";
        bool json = options.Has("--json");

        var blas = OpenBlas.Load();
        var machine = Machine.Describe(blas);
        var output = json ? Console.Error : Console.Out;
        output.WriteLine(blas is null ? $"{OpenBlas.Absent}: rates only, no ratios" : $"beside {blas.Description}");
        output.WriteLine($"{machine.Summary}; medians of {rounds} rounds, GFLOP/s");
        output.WriteLine($"{"",-38}{"",-3}{"M",6}{"N",6}{"K",6}{"batch",6}{"threads",9}{"FedSpine",10}{"OpenBLAS",10}{"ratio",8}");

        var rows = new List<Row>();
        foreach (int threads in counts)
        {
            blas?.SetThreads(threads);
            using var backend = HostBackend.Create(threads);
            foreach (var (name, shape) in GemmShapes.All.Where(s => s.Name.Contains(only, StringComparison.OrdinalIgnoreCase)))
            {
                var row = Measure(name, shape, threads, rounds, backend, blas);
                rows.Add(row);
                output.WriteLine($"{row.Name,-38}{row.Layout,-3}{row.M,6}{row.N,6}{row.K,6}{row.Batch,6}{row.Threads,9}{row.Gflops,10:f1}{row.OpenBlasGflops,10:f1}{row.RatioToOpenBlas,8:f2}");
            }
        }

        object? means = null;
        Row? worst = null;
        if (blas is not null && rows.Count > 0)
        {
            worst = rows.MinBy(r => r.RatioToOpenBlas);
            var perThreads = rows.GroupBy(r => r.Threads).Select(g => (Threads: g.Key, Mean: Robust.GeometricMean(g.Select(r => r.RatioToOpenBlas!.Value)))).ToList();
            means = perThreads.ToDictionary(m => m.Threads, m => m.Mean);
            foreach (var (threads, mean) in perThreads)
                output.WriteLine($"geometric mean of the ratios, {threads} thread{(threads == 1 ? "" : "s")}: {mean:f2}");
            output.WriteLine($"worst: {worst!.Name}, {worst.Threads} threads, {worst.RatioToOpenBlas:f2}");
        }

        if (json)
        {
            double? mean = blas is null || rows.Count == 0 ? null : Robust.GeometricMean(rows.Select(r => r.RatioToOpenBlas!.Value));
            Console.WriteLine(BenchJson.Write(new
            {
                machine, openBlas = blas?.Description, note = blas is null ? OpenBlas.Absent : null, rounds,
                geometricMeanRatio = mean, geometricMeanRatioByThreads = means, worstRatio = worst?.RatioToOpenBlas, worst, rows,
            }));
        }

        return 0;
    }

    private static Row Measure(string name, MatMulShape shape, int threads, int rounds, IComputeBackend backend, OpenBlas? blas)
    {
        int m = shape.M, n = shape.N, k = shape.K, batch = shape.Batch;
        var layout = new ArenaLayout();
        long atA = layout.Reserve<float>(batch * m * k), atB = layout.Reserve<float>(batch * k * n), atC = layout.Reserve<float>(batch * m * n);
        using var arena = (HostArena)backend.Allocate(layout.Bytes);
        DeviceSpan<float> a = new(arena, atA, batch * m * k), b = new(arena, atB, batch * k * n), c = new(arena, atC, batch * m * n);
        float* pa = (float*)(arena.Pointer + atA), pb = (float*)(arena.Pointer + atB), pc = (float*)(arena.Pointer + atC);
        for (int i = 0; i < a.Length; i++)
            pa[i] = (i % 13 - 6) / 8f;
        for (int i = 0; i < b.Length; i++)
            pb[i] = (i % 11 - 5) / 8f;

        var turns = Turns.Measure(() => backend.MatMul(c, a, b, shape), blas is null ? null : () => blas.MatMul(pc, pa, pb, shape), rounds,
            RoundSeconds, blas is null || threads == 1 ? default : OpenBlas.SpinsFor);
        double gflops = shape.Flops / turns.Seconds / 1e9;
        double? blasGflops = blas is null ? null : shape.Flops / turns.OtherSeconds / 1e9;
        string text = $"{(batch == 1 ? "" : $"{batch} x ")}{shape.Layout} {m} x {n} x {k}";
        return new Row(text, name, shape.Layout.ToString(), m, n, k, batch, threads, gflops, blasGflops, gflops / blasGflops);
    }
}
