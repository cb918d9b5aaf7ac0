using System.Diagnostics;
using System.Globalization;
using FedSpine.Bench.Measuring;
using FedSpine.Bench.Steps;
using FedSpine.Bench.Workloads;
using FedSpine.Engine;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Bench.Devices;

/// <summary>
/// Everything of a device in one run: what it reaches at best (a product and a copy, measured here), the operators beside that, LoRA
/// training steps and decoding. With --tiny the shapes are small enough for a debugger: to see that it runs, not to read figures from.
/// </summary>
internal static class DeviceCommand
{
    private const int Prompt = 64, Tokens = 64;

    public sealed record OperatorRow(string Name, double Seconds, double FlopsPerSecond, double BytesPerSecond, double? ShareOfPeak);

    public sealed record StepRow(string Model, string Base, int Batch, int Length, int Rank, double TrainSeconds, double ForwardSeconds, double TrainFlopsPerSecond);

    public sealed record DecodeRow(string Model, string Base, double TokensPerSecond, double BytesPerSecond, double ShareOfCopy);

    private sealed record Shapes(IReadOnlyList<WorkloadRecipe> Operators, (string Model, int Batch, int Length)[] Steps, string[] Decoders);

    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--device", "--matmul", "--only", "--rounds"], ["--blas", "--json", "--tiny", "--cases"]);
        string device = options.Text("--device") ?? "host";
        int rounds = options.Integer("--rounds", 10, 1, 1000);
        bool json = options.Has("--json");
        var output = json ? Console.Error : Console.Out;
        using var backend = Open(device, new IlgpuOptions { Precision = Precision(options.Text("--matmul") ?? "float32"), Blas = options.Has("--blas") });
        var peak = MachinePeak.Measure(backend);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{device}: {backend.Name}; {peak.FlopsPerSecond / 1e9:f1} GFLOP/s (float32 product of {peak.ProductSize}), {peak.BytesPerSecond / 1e9:f1} GB/s (copy of {peak.CopyBytes >> 10} KiB)"));

        if (options.Has("--cases"))
            return DeviceCases.Run(backend, device, peak, options.Text("--only") ?? "", rounds, options.Has("--tiny"), json);

        var shapes = options.Has("--tiny") ? Tiny : Full;
        string only = options.Text("--only") ?? "";
        bool Wanted(string name) => name.Contains(only, StringComparison.OrdinalIgnoreCase);
        var operators = new List<OperatorRow>();
        output.WriteLine($"{"operator",-34}{"ms",10}{"GFLOP/s",10}{"GB/s",9}{"of peak",9}");
        foreach (var recipe in shapes.Operators.Where(r => Wanted(r.Name)))
        {
            var row = Measure(backend, recipe, peak, rounds);
            operators.Add(row);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{row.Name,-34}{row.Seconds * 1e3,10:f3}{row.FlopsPerSecond / 1e9,10:f1}{row.BytesPerSecond / 1e9,9:f1}{row.ShareOfPeak,9:p0}"));
        }

        var steps = new List<StepRow>();
        foreach (var (model, batch, length) in shapes.Steps.Where(s => Wanted("step " + s.Model)))
        {
            var row = Step(backend, new StepOptions(model, batch, length, 8, rounds, 0, 0, Recompute.None, WeightType.F32, json));
            steps.Add(row);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"step {model}, B {batch}, T {length}, rank 8: {row.TrainSeconds * 1e3:f1} ms ({row.TrainFlopsPerSecond / 1e9:f1} GFLOP/s), forward {row.ForwardSeconds * 1e3:f1} ms"));
        }

        var decodes = new List<DecodeRow>();
        foreach (string model in shapes.Decoders.Where(m => Wanted("decode " + m)))
        {
            foreach (var type in Enum.GetValues<WeightType>().Where(t => backend.Supports(Operator.Linear, t)))
            {
                var row = Decode(backend, model, type, peak);
                decodes.Add(row);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"decode {model}, base {row.Base}: {row.TokensPerSecond:f1} tokens/s, {row.BytesPerSecond / 1e9:f1} GB/s, {row.ShareOfCopy:p0} of the copy's rate"));
            }
        }

        if (json)
        {
            Console.WriteLine(BenchJson.Write(new
            {
                device, name = backend.Name, date = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture), machine = Machine.Describe(null),
                tiny = options.Has("--tiny"), peak = new { peak.FlopsPerSecond, peak.BytesPerSecond, peak.ProductSize, peak.CopyBytes }, operators, steps, decodes,
            }));
        }

        return 0;
    }

    private static Shapes Full => new([.. OperatorWorkloads.Products, .. OperatorWorkloads.Layers, .. OperatorWorkloads.Rows, .. OperatorWorkloads.DeviceSized],
        [("roberta-base", 32, 128), ("llama-1b", 1, 512)], ["llama-110m", "llama-1b"]);

    private static Shapes Tiny => new(OperatorWorkloads.Tiny, [("tiny", 2, 8)], ["tiny"]);

    /// <exception cref="InputException">No such device here.</exception>
    private static IComputeBackend Open(string device, IlgpuOptions products)
    {
        try
        {
            if (device != "host")
                return IlgpuDevices.Open(device, products);
            return products == IlgpuOptions.Default ? HostBackend.Create() : throw new ArgumentException("--matmul and --blas need --device cuda");
        }
        catch (ArgumentException absent)
        {
            throw new InputException($"--device {device}: {absent.Message}");
        }
    }

    private static MatMulPrecision Precision(string name)
    {
        foreach (var precision in Enum.GetValues<MatMulPrecision>())
        {
            if (precision.Label() == name)
                return precision;
        }

        throw new InputException($"--matmul {name}: expected float32, tf32 or bf16");
    }

    /// <summary>Median of rounds; a round repeats short calls until it takes a millisecond, so that launches overlap as they do in a step.</summary>
    private static OperatorRow Measure(IComputeBackend backend, WorkloadRecipe recipe, MachinePeak peak, int rounds)
    {
        using var workload = recipe.Create(backend);
        double once = Seconds(backend, workload.Run, 1);
        once = Math.Min(once, Seconds(backend, workload.Run, 1));
        int repeats = (int)Math.Clamp(1e-3 / once, 1, 1000);
        double seconds = Robust.Median(Enumerable.Range(0, rounds).Select(_ => Seconds(backend, workload.Run, repeats) / repeats).ToArray());
        double share = Math.Max(workload.Flops / peak.FlopsPerSecond, workload.Bytes / peak.BytesPerSecond) / seconds;
        return new OperatorRow(recipe.Name, seconds, workload.Flops / seconds, workload.Bytes / seconds, share > 0 ? share : null);
    }

    private static StepRow Step(IComputeBackend backend, StepOptions options)
    {
        using var setup = new StepSetup(backend, options, 0);
        setup.Train();
        setup.Forward();
        double train = Robust.Median(Enumerable.Range(0, options.Steps).Select(_ => Seconds(backend, () => setup.Train(), 1)).ToArray());
        double forward = Robust.Median(Enumerable.Range(0, options.Steps).Select(_ => Seconds(backend, setup.Forward, 1)).ToArray());
        return new StepRow(options.Model, options.Base.ToString().ToLowerInvariant(), options.Batch, options.Length, options.Rank, train, forward, setup.TrainFlops / train);
    }

    private static DecodeRow Decode(IComputeBackend backend, string name, WeightType type, MachinePeak peak)
    {
        var spec = BenchModels.Spec(name);
        int prompt = Math.Min(Prompt, spec.MaxLength / 2), tokens = Math.Min(Tokens, spec.MaxLength / 2 - 1);
        using var model = BenchModels.Create(backend, spec, Trainable.None, null, baseType: type);
        using var decoder = new Decoder(model, 1, prompt + tokens + 1);
        var logits = new float[decoder.LogitColumns];
        decoder.Prefill(0, [.. Enumerable.Range(1, prompt)], logits);
        decoder.Step([1], logits);
        double bytes = BenchModels.BytesPerToken(model) + (double)decoder.Cache.Bytes * (prompt + tokens / 2) / (prompt + tokens + 1);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < tokens; i++)
            decoder.Step([1], logits);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds / tokens;
        return new DecodeRow(name, type.ToString().ToLowerInvariant(), 1 / seconds, bytes / seconds, bytes / seconds / peak.BytesPerSecond);
    }

    private static double Seconds(IComputeBackend backend, Action run, int repeats)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++)
            run();
        backend.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
