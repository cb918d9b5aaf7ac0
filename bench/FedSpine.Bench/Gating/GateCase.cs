using FedSpine.Bench.Measuring;
using FedSpine.Bench.Workloads;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using static FedSpine.Kernels.MatMulLayout;

namespace FedSpine.Bench.Gating;

/// <summary>A workload of the gate, the threads it runs with, and what it is timed beside.</summary>
internal sealed record GateCase(string Workload, int Threads, Func<OpenBlas?, int, GateReference> Reference)
{
    private const double RoundSeconds = 0.02;

    /// <summary>Never edited, so that baselines stay comparable; new ones go to the end.</summary>
    public static IReadOnlyList<GateCase> All { get; } =
    [
        Product("product roberta projection", new(NT, 1024, 768, 768)),
        Product("product roberta FFN down dx", new(NN, 1024, 3072, 768)),
        Product("product short batch", new(NT, 96, 768, 768)),
        Product("product pruned FFN down", new(NT, 509, 768, 1376)),
        Product("product dW", new(TN, 768, 768, 1024)),
        Product("product 96 heads", new(NT, 128, 128, 64, 96)),
        Product("product decode row", new(NT, 1, 3072, 768)),
        Product("product roberta projection", new(NT, 1024, 768, 768), threads: 2),
        Product("linear forward roberta rank 8", new(NT, 1024, 768, 768)),
        Product("linear backward roberta rank 8", new(NN, 1024, 768, 768)),
        Product("linear forward pruned rank 8", new(NT, 1000, 1696, 768)),
        Product("linear backward pruned rank 8", new(NN, 1000, 768, 1696)),
        Product("attention forward roberta", new(NT, 128, 128, 128, 96)),
        Product("attention backward roberta", new(NT, 128, 128, 256, 96)),
        Product("attention forward llama-1b", new(NT, 512, 512, 512, 4)),
        Product("attention backward llama-1b", new(NT, 512, 512, 512, 8)),
        Copy("layer norm forward", 8L * 1024 * 768),
        Copy("layer norm backward", 12L * 1024 * 768),
        Copy("rms norm forward", 8L * 512 * 2048),
        Copy("gelu", 8L * 1024 * 3072),
        Copy("gelu pruned", 8L * 1000 * 1371),
        Copy("cross-entropy", 8L * 64 * 50265),
        Copy("adamw", 28L * 1_400_000),
        Copy("taylor importance", 8L * 8 * 128 * 3072),
        Copy("lora importance", 4L * 768 * 3072),
        Product("step two blocks", new(NN, 1536, 1536, 1536)),
        Product("step two blocks", new(NN, 1536, 1536, 1536), threads: 2),
        Product("importance taylor", new(NN, 1536, 1536, 1536)),
        Product("importance lora-gradient", new(NN, 1536, 1536, 1536)),
        Product("inference two blocks", new(NN, 1024, 1024, 1024)),
        Product("prefill small decoder", new(NN, 1024, 1024, 1024)),
        Copy("decode small decoder", 120L << 20),
        Copy("surgery", 64L << 20),
        Product("aggregate svd", new(NN, 512, 512, 512)),
        Copy("load", 64L << 20),
    ];

    public string Name => $"{Workload}, {Threads} thread{(Threads == 1 ? "" : "s")}";

    public GateMeasurement Measure(OpenBlas? blas, int rounds)
    {
        using var backend = HostBackend.Create(Threads);
        using var workload = s_recipes[Workload].Create(backend);
        using var reference = Reference(blas, Threads);
        var turns = Turns.Measure(workload.Run, reference.Run, rounds, RoundSeconds, Threads == 1 || blas is null ? default : OpenBlas.SpinsFor, threadTime: Threads == 1);
        return new GateMeasurement(Name, reference.Name, turns.Ratios, turns.AllocatedBytes);
    }

    private static readonly Dictionary<string, WorkloadRecipe> s_recipes = new[]
    {
        OperatorWorkloads.Products, OperatorWorkloads.Layers, OperatorWorkloads.Rows, ModelWorkloads.Training, ModelWorkloads.Inference,
        ModelWorkloads.Generation, ModelWorkloads.Pruning, ModelWorkloads.Loading, AggregationWorkloads.All,
    }.SelectMany(group => group).ToDictionary(recipe => recipe.Name);

    private static GateCase Product(string name, MatMulShape shape, int threads = 1) =>
        new(name, threads, (blas, count) => GateReference.Product(shape, blas, count));

    private static GateCase Copy(string name, long bytes) => new(name, 1, (_, _) => GateReference.Copy(bytes));
}
