using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels;

/// <summary>Which operand of a product is read transposed. All matrices are row-major.</summary>
public enum MatMulLayout
{
    /// <summary>C (M, N) = A (M, K) B (K, N).</summary>
    NN,

    /// <summary>C (M, N) = A (M, K) B^T, B stored as (N, K): y = x W^T.</summary>
    NT,

    /// <summary>C (M, N) = A^T B, A stored as (K, M): dW = dy^T x.</summary>
    TN,
}

/// <summary>
/// Shape of a product. Leading dimensions are row strides in elements; batch strides separate consecutive matrices.
/// The constructor fills the contiguous case; set the strides with an object initialiser otherwise.
/// </summary>
public readonly record struct MatMulShape(MatMulLayout Layout, int M, int N, int K, int Batch = 1)
{
    public int StrideA { get; init; } = Layout == MatMulLayout.TN ? M : K;
    public int StrideB { get; init; } = Layout == MatMulLayout.NT ? K : N;
    public int StrideC { get; init; } = N;
    public long BatchStrideA { get; init; } = (long)M * K;
    public long BatchStrideB { get; init; } = (long)K * N;
    public long BatchStrideC { get; init; } = (long)M * N;

    public long Flops => 2L * M * N * K * Batch;
}

/// <summary>
/// A linear layer's operands. y = x W^T + bias + s (x A^T) B^T, with x (rows, In), W (Out, In), A (Rank, In), B (Out, Rank).
/// Rank 0 means no adapter (A and B absent). Bias may be absent. A weight that is not float32 is frozen: it has no gradient.
/// </summary>
public readonly record struct LinearOperands(
    WeightSpan Weight,        // (Out, In), of any type
    DeviceSpan<float> Bias,   // (Out) or absent
    DeviceSpan<float> A,      // (Rank, In) or absent
    DeviceSpan<float> B,      // (Out, Rank) or absent
    int In,
    int Out,
    int Rank,
    float Scale);

/// <summary>Where a linear layer's gradients are accumulated (+=); an absent span means that the parameter is frozen and nothing is formed.</summary>
public readonly record struct LinearGradients(
    DeviceSpan<float> Weight, // (Out, In)
    DeviceSpan<float> Bias,   // (Out)
    DeviceSpan<float> A,      // (Rank, In)
    DeviceSpan<float> B);     // (Out, Rank)

/// <summary>
/// Shape of attention. q and o are (B, T, QueryHeads * HeadSize), k and v (B, T, KeyValueHeads * HeadSize); query head h reads
/// key-value head h / (QueryHeads / KeyValueHeads). Scores are scaled by 1 / sqrt(HeadSize).
/// </summary>
public readonly record struct AttentionShape(int B, int T, int QueryHeads, int KeyValueHeads, int HeadSize, bool Causal);

/// <summary>
/// Shape of attention over cached keys and values, one new token per sequence. q and o are (B, QueryHeads * HeadSize); a cache is
/// (B, KeyValueHeads, Capacity, HeadSize), so that what one head reads lies in one piece.
/// </summary>
public readonly record struct CacheShape(int B, int Capacity, int QueryHeads, int KeyValueHeads, int HeadSize)
{
    /// <summary>Elements of the cache of keys, and of that of values.</summary>
    public long Length => (long)B * KeyValueHeads * Capacity * HeadSize;
}

/// <summary>AdamW's constants for one step. Bias corrections are 1 - beta^step.</summary>
public readonly record struct AdamWStep(
    float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, float BiasCorrection1, float BiasCorrection2);

/// <summary>Whether a reduction over a matrix yields one value per row or one per column.</summary>
public enum MatrixAxis
{
    Rows,
    Columns,
}

/// <summary>The operators, as asked about in <see cref="IComputeBackend.Supports"/>.</summary>
public enum Operator
{
    Fill, Copy, Map, MatMul, Linear, RmsNorm, LayerNorm, Softmax, Attention, AttentionDecode, CacheAppend, Rope, Embedding, CrossEntropy,
    AdamW, GradientNorm, Dropout, GatherRows, GatherColumns, TaylorImportance, ColumnMoments, SquareSums, LoraImportance,
}
