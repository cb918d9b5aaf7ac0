using System.Diagnostics;
using FedSpine.Bench.Measuring;
using FedSpine.Bench.Workloads;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench;

/// <summary>
/// A random LLaMA's decoding beside reading memory, and its prompt beside OpenBLAS, in turn. A step of one sequence is bound by memory, a
/// prompt by the products: each ratio is what there is to win.
/// </summary>
internal static class DecodeComparison
{
    private const int Rounds = 15, Prompt = 256, Context = 512, PrefillLength = 512;

    /// <summary>Most bytes that a round of reading sums: many times the caches, in little time beside a step of a large model.</summary>
    private const long MostRead = 512 << 20;

    public sealed record Row(string Name, int Threads, int Sequences, double TokensPerSecond, double ReadGigabytes, double MemoryGigabytes, double Ratio);

    /// <param name="Ratio">Necessary operations a second of the median round over OpenBLAS's best rate on 1536^3; null where it is absent.</param>
    /// <param name="OpenBlasGflops">OpenBLAS's best product in any round.</param>
    /// <param name="OpenBlasMeanGflops">Its rate over a round's products, by the median round.</param>
    public sealed record PrefillRow(int Threads, int Tokens, double Seconds, double Gflops, double? OpenBlasGflops, double? Ratio, double? OpenBlasMeanGflops, double? RatioToMean);

    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--model", "--base", "--threads"], ["--json", "--prefill"]);
        string name = options.Choice("--model", "llama-110m", "llama-110m", "llama-1b");
        var spec = BenchModels.Spec(name);
        var type = BenchModels.BaseType(options);
        int only = options.Integer("--threads", 0, 1, 1024);
        bool json = options.Has("--json");
        var output = json ? Console.Error : Console.Out;
        string title = $"{name}, base {type.Label()}";
        var rows = new List<Row>();
        var prefill = new List<PrefillRow>();
        output.WriteLine(options.Has("--prefill")
            ? $"{title + ", a prompt",-34}{"threads",8}{"tokens",8}{"seconds",9}{"GFLOP/s",9}{"OpenBLAS",9}{"ratio",7}{"its mean",9}{"ratio",7}"
            : $"{title,-34}{"threads",8}{"sequences",10}{"tokens/s",10}{"GB/s",8}{"memory",8}{"ratio",7}   (medians of {Rounds} rounds)");
        foreach (int threads in only > 0 ? [only] : Environment.ProcessorCount == 1 ? [1] : new[] { 1, 2 })
        {
            using var backend = HostBackend.Create(threads);
            using var model = BenchModels.Create(backend, spec, baseType: type);
            if (options.Has("--prefill"))
            {
                var row = MeasurePrefill(model, threads);
                prefill.Add(row);
                output.WriteLine($"{"",-34}{row.Threads,8}{row.Tokens,8}{row.Seconds,9:f3}{row.Gflops,9:f1}{row.OpenBlasGflops,9:f1}{row.Ratio,7:f2}{row.OpenBlasMeanGflops,9:f1}{row.RatioToMean,7:f2}");
                continue;
            }

            void Add(Row row)
            {
                rows.Add(row);
                output.WriteLine($"{row.Name,-34}{row.Threads,8}{row.Sequences,10}{row.TokensPerSecond,10:f1}{row.ReadGigabytes,8:f1}{row.MemoryGigabytes,8:f1}{row.Ratio,7:f2}");
            }

            Add(Measure(model, "alone", threads, 1));
            Add(Measure(model, "a batch", threads, 4));
            Add(Measure(model, "a batch", threads, 16));
            model.Dispose(); // before the next: float32 of 1.1 billion is 4.5 GB
            using var adapted = BenchModels.Create(backend, spec, lora: BenchModels.Lora(8), baseType: type);
            Add(Measure(adapted, "adapter of rank 8 apart", threads, 1));
        }

        if (json)
            Console.WriteLine(BenchJson.Write(new { model = name, @base = type.Label(), rows, prefill }));
        return 0;
    }

    private static Row Measure(Model model, string name, int threads, int sequences)
    {
        using var decoder = new Decoder(model, sequences, Context);
        var logits = new float[sequences * decoder.LogitColumns];
        int[] ids = [.. Enumerable.Range(1, sequences)];
        decoder.Prefill(0, [.. Enumerable.Range(1, Prompt)], logits.AsSpan(0, decoder.LogitColumns));
        for (int row = 1; row < sequences; row++)
            decoder.Cache.Copy(0, row);

        // Of the cache, what is filled.
        double bytes = BenchModels.BytesPerToken(model) + (double)decoder.Cache.Bytes * (Prompt + Rounds) / Context;
        int steps = bytes < MostRead ? 3 : 1; // a round
        using var memory = new MemoryReader((long)Math.Min(bytes, MostRead), threads);
        double[] decode = new double[Rounds], rates = new double[Rounds];
        for (int round = -1; round < Rounds; round++) // one to warm up
        {
            double decodeSeconds = Seconds(() => decoder.Step(ids, logits), steps), rate = memory.Bytes / Seconds(memory.Read, steps);
            if (round >= 0)
                (decode[round], rates[round]) = (decodeSeconds, rate);
        }

        double ratio = Robust.Median(decode.Select((seconds, i) => bytes / seconds / rates[i]));
        double median = Robust.Median(decode);
        return new Row(name, threads, sequences, sequences / median, bytes / median / 1e9, Robust.Median(rates) / 1e9, ratio);
    }

    /// <summary>A prompt in one pass; its logits are needed, and computed, after the last token only.</summary>
    private static PrefillRow MeasurePrefill(Model model, int threads)
    {
        using var decoder = new Decoder(model, 1, PrefillLength);
        using var blas = OpenBlas.Load() is { } library ? new OpenBlasRate(library, threads) : null;
        var logits = new float[decoder.LogitColumns];
        int[] ids = [.. Enumerable.Range(1, PrefillLength)];
        double flops = NecessaryFlops.Forward(model, 1, PrefillLength)
            - 2.0 * (PrefillLength - 1) * model.Spec.VocabularySize * model.Spec.Width;
        int rounds = flops < 2e11 ? 7 : 3;
        double[] seconds = new double[rounds], rates = new double[rounds], means = new double[rounds];
        for (int round = -1; round < rounds; round++)
        {
            var (rate, mean) = blas?.Gflops() ?? (double.NaN, double.NaN);
            double one = Seconds(() => decoder.Prefill(0, ids, logits), 1);
            if (round >= 0)
                (seconds[round], rates[round], means[round]) = (one, rate, mean);
        }

        double median = Robust.Median(seconds), gflops = flops / median / 1e9;
        return blas is null ? new PrefillRow(threads, PrefillLength, median, gflops, null, null, null, null)
            : new PrefillRow(threads, PrefillLength, median, gflops, rates.Max(), gflops / rates.Max(), Robust.Median(means), gflops / Robust.Median(means));
    }

    private static double Seconds(Action action, int repeats)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++)
            action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
    }
}
