using FedSpine.Kernels;
using FedSpine.Kernels.Formulas;
using static FedSpine.Kernels.MatMulLayout;

namespace FedSpine.Bench.Workloads;

/// <summary>Single operators in the shapes of RoBERTa-base (B 8, T 128), of LLaMA 1B, and odd ones as pruning leaves them.</summary>
internal static class OperatorWorkloads
{
    public static IReadOnlyList<WorkloadRecipe> Products { get; } =
    [
        Product("product roberta projection", new(NT, 1024, 768, 768)),
        Product("product roberta FFN down dx", new(NN, 1024, 3072, 768)),
        Product("product short batch", new(NT, 96, 768, 768)),
        Product("product pruned FFN down", new(NT, 509, 768, 1376)),
        Product("product dW", new(TN, 768, 768, 1024)),
        Product("product llama-1b gate", new(NT, 512, 5632, 2048)),
        Product("product 96 heads", new(NT, 128, 128, 64, 96)),
        Product("product decode row", new(NT, 1, 3072, 768)),
    ];

    public static IReadOnlyList<WorkloadRecipe> Layers { get; } =
    [
        LinearForward("linear forward roberta rank 8", 1024, 768, 768, 8),
        LinearBackward("linear backward roberta rank 8", 1024, 768, 768, 8),
        LinearForward("linear forward pruned rank 8", 1000, 768, 1696, 8),
        LinearBackward("linear backward pruned rank 8", 1000, 768, 1696, 8),
        LinearForward("linear forward llama-1b rank 8", 512, 2048, 5632, 8),
        Attention("attention forward roberta", new(8, 128, 12, 12, 64, false), backward: false),
        Attention("attention backward roberta", new(8, 128, 12, 12, 64, false), backward: true),
        Attention("attention forward pruned", new(8, 125, 7, 7, 64, false), backward: false),
        Attention("attention forward llama-1b", new(1, 512, 32, 4, 64, true), backward: false),
        Attention("attention backward llama-1b", new(1, 512, 32, 4, 64, true), backward: true),
    ];

    public static IReadOnlyList<WorkloadRecipe> Rows { get; } =
    [
        new("layer norm forward", backend => Norm(backend, 1024, 768, backward: false)),
        new("layer norm backward", backend => Norm(backend, 1024, 768, backward: true)),
        new("rms norm forward", backend => RmsNorm(backend, 512, 2048)),
        new("gelu", backend => Elementwise(backend, 1024 * 3072)),
        new("gelu pruned", backend => Elementwise(backend, 1000 * 1371)),
        new("cross-entropy", backend => CrossEntropy(backend, 64, 50265)),
        new("adamw", backend => AdamW(backend, 1_400_000)),
        new("taylor importance", backend => Taylor(backend, 8, 128, 3072)),
        new("lora importance", backend => LoraImportance(backend, 768, 3072, 8)),
    ];

    /// <summary>Large enough for a GPU.</summary>
    public static IReadOnlyList<WorkloadRecipe> DeviceSized { get; } =
    [
        Product("product 4096", new(NT, 4096, 4096, 4096)),
        LinearForward("linear forward 4096 rank 16", 4096, 4096, 4096, 16),
        LinearBackward("linear backward 4096 rank 16", 4096, 4096, 4096, 16),
        Attention("attention forward B 8 T 1024", new(8, 1024, 32, 8, 64, true), backward: false),
        new("rms norm 8192 x 4096", backend => RmsNorm(backend, 8192, 4096)),
        new("layer norm backward 8192 x 4096", backend => Norm(backend, 8192, 4096, backward: true)),
        new("gelu 32 M", backend => Elementwise(backend, 32 << 20)),
    ];

    /// <summary>To see that a device runs them.</summary>
    public static IReadOnlyList<WorkloadRecipe> Tiny { get; } =
    [
        Product("product tiny", new(NT, 16, 16, 16)),
        LinearForward("linear forward tiny rank 2", 8, 16, 16, 2),
        LinearBackward("linear backward tiny rank 2", 8, 16, 16, 2),
        Attention("attention forward tiny", new(1, 8, 2, 1, 8, true), backward: false),
        new("rms norm tiny", backend => RmsNorm(backend, 4, 32)),
        new("gelu tiny", backend => Elementwise(backend, 64)),
    ];

    private static WorkloadRecipe Product(string name, MatMulShape s) => new(name, backend =>
    {
        var slots = new Slots(backend, s.Batch * s.M * s.N, s.Batch * s.M * s.K, s.Batch * s.K * s.N);
        return new(s.Flops, 4.0 * (slots[0].Length + slots[1].Length + slots[2].Length), () => backend.MatMul(slots[0], slots[1], slots[2], s), slots);
    });

    private static WorkloadRecipe LinearForward(string name, int rows, int In, int Out, int rank) => new(name, backend =>
    {
        var slots = new Slots(backend, rows * Out, rows * rank, rows * In, Out * In, Out, rank * In, Out * rank);
        var w = new LinearOperands(slots[3], slots[4], slots[5], slots[6], In, Out, rank, 2);
        return new(2.0 * rows * (In * (double)Out + rank * (In + Out)), 4.0 * (rows * (In + Out) + (double)In * Out),
            () => backend.LinearForward(slots[0], slots[1], slots[2], w, rows), slots);
    });

    private static WorkloadRecipe LinearBackward(string name, int rows, int In, int Out, int rank) => new(name, backend =>
    {
        var slots = new Slots(backend, rows * Out, rows * rank, rows * In, Out * In, Out, rank * In, Out * rank,
            rows * In, rows * rank, rank * In, Out * rank);
        var w = new LinearOperands(slots[3], slots[4], slots[5], slots[6], In, Out, rank, 2);
        var gradients = new LinearGradients(default, default, slots[9], slots[10]);
        return new(2.0 * rows * (In * (double)Out + 2 * rank * (In + Out)), 4.0 * (rows * (2 * In + Out) + (double)In * Out),
            () => backend.LinearBackward(slots[7], gradients, slots[8], slots[0], slots[2], slots[1], w, rows), slots);
    });

    private static WorkloadRecipe Attention(string name, AttentionShape s, bool backward) => new(name, backend =>
    {
        int q = s.B * s.T * s.QueryHeads * s.HeadSize, kv = s.B * s.T * s.KeyValueHeads * s.HeadSize;
        var slots = new Slots(backend, q, s.B * s.QueryHeads * s.T, q, kv, kv, q, kv, kv, q); // o, lse, q, k, v, dq, dk, dv, do
        var (lengths, owner) = Slots.Integers(backend, [.. Enumerable.Repeat(s.T, s.B)]);
        void Forward() => backend.AttentionForward(slots[0], slots[1], slots[2], slots[3], slots[4], lengths, s);
        void Backward() => backend.AttentionBackward(slots[5], slots[6], slots[7], slots[8], slots[2], slots[3], slots[4], slots[0], slots[1], lengths, s);
        Forward(); // o and lse, which the backward pass reads
        double products = (s.Causal ? 2.0 : 4.0) * s.B * s.T * s.T * s.QueryHeads * s.HeadSize;
        return backward ? new(2 * products, 4.0 * (4 * q + 4 * kv), Backward, slots, owner) : new(products, 4.0 * (2 * q + 2 * kv), Forward, slots, owner);
    });

    private static Workload Norm(IComputeBackend backend, int rows, int D, bool backward)
    {
        var slots = new Slots(backend, rows * D, rows, rows, rows * D, D, D, rows * D);
        void Forward() => backend.LayerNormForward(slots[0], slots[1], slots[2], slots[3], slots[4], slots[5], rows, D, 1e-5f);
        void Backward() => backend.LayerNormBackward(slots[6], default, default, slots[0], slots[3], slots[4], slots[1], slots[2], rows, D);
        Forward();
        return new(0, 4.0 * (backward ? 3 : 2) * rows * D, backward ? Backward : Forward, slots);
    }

    private static Workload RmsNorm(IComputeBackend backend, int rows, int D)
    {
        var slots = new Slots(backend, rows * D, rows, rows * D, D);
        return new(0, 8.0 * rows * D, () => backend.RmsNormForward(slots[0], slots[1], slots[2], slots[3], rows, D, 1e-5f), slots);
    }

    private static Workload Elementwise(IComputeBackend backend, int length)
    {
        var slots = new Slots(backend, length, length);
        return new(0, 8.0 * length, () => backend.Map<Gelu>(slots[0], slots[1]), slots);
    }

    private static Workload CrossEntropy(IComputeBackend backend, int rows, int C)
    {
        var slots = new Slots(backend, rows, rows * C, rows * C);
        var (targets, owner) = Slots.Integers(backend, [.. Enumerable.Range(0, rows)]);
        return new(0, 8.0 * rows * C, () => backend.CrossEntropy(slots[0], slots[1], slots[2], targets, rows, C, 1), slots, owner);
    }

    private static Workload AdamW(IComputeBackend backend, int length)
    {
        var slots = new Slots(backend, length, length, length, length);
        var step = new AdamWStep(1e-6f, 0.9f, 0.999f, 1e-8f, 0.01f, 0.1f, 0.001f);
        backend.Fill(slots[2], 0.01f); // mean squares are not negative
        return new(0, 28.0 * length, () => backend.AdamW(slots[0], slots[1], slots[2], slots[3], default, step), slots);
    }

    private static Workload Taylor(IComputeBackend backend, int B, int T, int G)
    {
        var slots = new Slots(backend, G, B * G, B * T * G, B * T * G);
        var (lengths, owner) = Slots.Integers(backend, [.. Enumerable.Repeat(T, B)]);
        return new(0, 8.0 * B * T * G, () => backend.TaylorImportance(slots[0], slots[1], slots[2], slots[3], lengths, B, T, G, 1), slots, owner);
    }

    private static Workload LoraImportance(IComputeBackend backend, int In, int Out, int rank)
    {
        var slots = new Slots(backend, Out, Out * In, rank * In, Out * rank, rank * In, Out * rank);
        var w = new LinearOperands(slots[1], default, slots[2], slots[3], In, Out, rank, 2);
        return new(8.0 * In * Out * rank, 4.0 * In * Out, () => backend.LoraImportance(slots[0], w, slots[4], slots[5], MatrixAxis.Rows), slots);
    }
}
