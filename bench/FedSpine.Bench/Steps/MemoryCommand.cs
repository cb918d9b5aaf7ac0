using FedSpine.Bench.Measuring;
using FedSpine.Bench.Workloads;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench.Steps;

/// <summary>
/// What recomputing saves and costs: planned bytes of well-known shapes, for which nothing is allocated, and the time of a step in every
/// mode, in half batches, and without padding, each over a whole padded step that keeps everything, in turns.
/// </summary>
internal static class MemoryCommand
{
    private const int Rank = 8;

    private sealed record Plan(string Model, int Batch, int Length, string Recompute, string Base, long ModelBytes, long ActivationBytes, long Flops);

    private sealed record Ratio(string What, double TimeRatio, double Least, double Most, double FlopsRatio);

    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--rounds", "--layers"], ["--json"]);
        int rounds = options.Integer("--rounds", 9, 1, 1000), layers = options.Integer("--layers", 4, 1, 12);
        List<Plan> plans = [.. Plans("roberta-base", 8, 128), .. Plans("llama-110m", 4, 512), .. Plans("llama-1b", 1, 512)];
        var ratios = Ratios(layers, rounds);
        if (options.Has("--json"))
        {
            Console.WriteLine(BenchJson.Write(new { machine = Machine.Describe(null), layers, rounds, plans, ratios }));
            return 0;
        }

        Console.WriteLine($"LoRA step, rank {Rank} on all linear layers: planned, MB");
        foreach (var p in plans)
            Console.WriteLine($"{p.Model,-14}{p.Batch} x {p.Length,-6}{p.Recompute,-10}{p.Base,-6} model {p.ModelBytes / 1e6,7:f0}  activations {p.ActivationBytes / 1e6,7:f0}  GFLOP {p.Flops / 1e9,8:f1}");
        Console.WriteLine($"time over a step that keeps everything, {layers} layers of RoBERTa-base, 8 x 128; medians of {rounds} rounds in turns");
        foreach (var r in ratios)
            Console.WriteLine($"{r.What,-34} x {r.TimeRatio:f3} ({r.Least:f3} to {r.Most:f3})  FLOPs x {r.FlopsRatio:f3}");
        return 0;
    }

    private static IEnumerable<Plan> Plans(string model, int B, int T)
    {
        foreach (var (mode, type) in ((Recompute, WeightType)[])[(Recompute.None, WeightType.F32), (Recompute.Attention, WeightType.F32), (Recompute.Full, WeightType.F32), (Recompute.Full, WeightType.Q8_0)])
        {
            var cost = StepCost.Training(BenchModels.Spec(model), Trainable.Adapter, BenchModels.Lora(Rank), B, T, recompute: mode, baseType: type);
            yield return new Plan(model, B, T, mode.ToString().ToLowerInvariant(), type.ToString().ToLowerInvariant(), cost.ModelBytes, cost.ActivationBytes, cost.Flops);
        }
    }

    private static List<Ratio> Ratios(int layers, int rounds)
    {
        const int B = 8, T = 128;
        var spec = BenchModels.Encoder(layers, vocabulary: 1000);
        using var backend = HostBackend.Create(Environment.ProcessorCount);
        using var model = BenchModels.Create(backend, spec, Trainable.Adapter, BenchModels.Lora(Rank));
        Trainer[] trainers = [.. Enum.GetValues<Recompute>().Select(mode => new Trainer(model, new TrainingOptions { Recompute = mode }, B, T))];
        Batch[] whole = [BenchModels.Batch(spec, B, T)];
        Batch[] halves = [BenchModels.Batch(spec, B / 2, T), BenchModels.Batch(spec, B / 2, T)];
        Batch[] ragged = [BenchModels.Batch(spec, B, T)];
        for (int b = 0; b < B; b++)
            ragged[0].Lengths[b] = T * (b + 1) / B; // 16 to 128: on average 72

        List<Ratio> ratios = [];
        void Compare(string what, Trainer trainer, Batch[] batches)
        {
            long flops = trainer.ComputeGradients(batches).Flops, all = trainers[0].ComputeGradients(whole).Flops;
            double[] times = Turns.Measure(() => trainer.ComputeGradients(batches), () => trainers[0].ComputeGradients(whole), rounds, roundSeconds: 0.2).Ratios;
            ratios.Add(new Ratio(what, Robust.Median(times), times.Min(), times.Max(), (double)flops / all));
        }

        Compare("the same (noise)", trainers[0], whole);
        Compare("recompute attention", trainers[1], whole);
        Compare("recompute full", trainers[2], whole);
        Compare("2 micro-batches of 4", trainers[0], halves);
        Compare("lengths 16, 32, ... 128", trainers[0], ragged);
        foreach (var trainer in trainers)
            trainer.Dispose();
        return ratios;
    }
}
