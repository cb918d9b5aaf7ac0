using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using FedSpine.Bench.Measuring;
using FedSpine.Bench.Workloads;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench;

/// <summary>
/// Decoding beside reading memory: steps of a random LLaMA and sums over as many bytes as a step must read, in
/// turn. A step of one sequence is bound by memory, so the ratio of the two rates is what there is to win.
/// </summary>
internal static unsafe class DecodeComparison
{
    private const int Rounds = 15, StepsPerRound = 3, Prompt = 256, Context = 512;

    public sealed record Row(string Name, int Threads, int Sequences, double TokensPerSecond, double ReadGigabytes, double MemoryGigabytes, double Ratio);

    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--model", "--base", "--threads"], ["--json"]);
        string name = options.Choice("--model", "llama-110m", "llama-110m", "llama-1b");
        var type = BenchModels.BaseType(options);
        int only = options.Integer("--threads", 0, 1, 1024);
        bool json = options.Has("--json");
        var output = json ? Console.Error : Console.Out;
        var rows = new List<Row>();
        output.WriteLine($"{name + ", base " + type.Label(),-34}{"threads",8}{"sequences",10}{"tokens/s",10}{"GB/s",8}{"memory",8}{"ratio",7}   (medians of {Rounds} rounds)");
        foreach (int threads in only > 0 ? [only] : Environment.ProcessorCount == 1 ? [1] : new[] { 1, 2 })
        {
            using var backend = HostBackend.Create(threads);
            foreach (var (what, lora, sequences) in new (string, LoraSpec?, int)[]
            {
                ("alone", null, 1), ("adapter of rank 8 apart", BenchModels.Lora(8), 1), ("a batch", null, 4),
            })
            {
                var row = Measure(backend, what, BenchModels.Spec(name), type, threads, lora, sequences);
                rows.Add(row);
                output.WriteLine($"{row.Name,-34}{row.Threads,8}{row.Sequences,10}{row.TokensPerSecond,10:f1}{row.ReadGigabytes,8:f1}{row.MemoryGigabytes,8:f1}{row.Ratio,7:f2}");
            }
        }

        if (json)
            Console.WriteLine(BenchJson.Write(new { model = name, @base = type.Label(), rows }));
        return 0;
    }

    private static Row Measure(IComputeBackend backend, string name, ModelSpec spec, WeightType type, int threads, LoraSpec? lora, int sequences)
    {
        using var model = BenchModels.Create(backend, spec, Trainable.None, lora, baseType: type);
        using var decoder = new Decoder(model, sequences, Context);
        var logits = new float[sequences * decoder.LogitColumns];
        int[] ids = [.. Enumerable.Range(1, sequences)];
        for (int row = 0; row < sequences; row++)
            decoder.Prefill(row, [.. Enumerable.Range(1, Prompt)], logits.AsSpan(0, decoder.LogitColumns));

        // Tied embeddings are read once, as the head, and of others a row; of the cache, what is filled.
        double bytes = model.Parameters.Where(p => spec.TieWordEmbeddings || p != model.Embeddings.Words).Sum(p => (double)p.Rows * p.Type.RowBytes(p.Columns)) + (double)decoder.Cache.Bytes * (Prompt + Rounds * StepsPerRound / 2) / Context;
        using var memory = new MemoryReader((long)bytes, threads);
        double[] decode = new double[Rounds], read = new double[Rounds];
        for (int round = -1; round < Rounds; round++) // one to warm up
        {
            double decodeSeconds = Seconds(() => decoder.Step(ids, logits)), readSeconds = Seconds(memory.Read);
            if (round >= 0)
                (decode[round], read[round]) = (decodeSeconds, readSeconds);
        }

        double ratio = Median([.. decode.Select((seconds, i) => read[i] / seconds)]);
        return new Row(name, threads, sequences, sequences / Median(decode), bytes / Median(decode) / 1e9, bytes / Median(read) / 1e9, ratio);
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < StepsPerRound; i++)
            action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / StepsPerRound;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    /// <summary>Sums a block of memory with as many threads as the backend has: the most that a step can read in a second.</summary>
    private sealed class MemoryReader(long bytes, int threads) : IDisposable
    {
        private readonly long _vectors = bytes / 64 / (16 * threads) * 16 * threads;
        private readonly float* _block = Allocate(bytes);

        public float Total { get; private set; }

        public void Read()
        {
            var sums = new float[threads];
            var others = Enumerable.Range(1, threads - 1).Select(t => new Thread(() => sums[t] = Sum(t))).ToArray();
            Array.ForEach(others, t => t.Start());
            sums[0] = Sum(0);
            Array.ForEach(others, t => t.Join());
            Total += sums.Sum();
        }

        public void Dispose() => NativeMemory.AlignedFree(_block);

        private static float* Allocate(long bytes)
        {
            var block = (float*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
            NativeMemory.Fill(block, (nuint)bytes, 1); // touched: pages that are not there cost nothing to read
            return block;
        }

        /// <summary>Four runs at a time, as far apart as rows of a weight: more streams for the prefetcher than one.</summary>
        private float Sum(int thread)
        {
            long count = _vectors / threads / 4 * 16;
            float* p0 = _block + thread * count * 4;
            float* p1 = p0 + count, p2 = p1 + count, p3 = p2 + count;
            var (s0, s1, s2, s3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            for (long i = 0; i < count; i += 16)
            {
                s0 += Vector512.Load(p0 + i);
                s1 += Vector512.Load(p1 + i);
                s2 += Vector512.Load(p2 + i);
                s3 += Vector512.Load(p3 + i);
            }

            return Vector512.Sum(s0 + s1 + s2 + s3);
        }
    }
}
