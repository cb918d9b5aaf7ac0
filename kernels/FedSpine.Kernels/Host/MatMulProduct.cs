using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>
/// One product C = alpha A B + (C, bias or 0), with any strides, and optionally more of K from a second pair of matrices:
/// C += TailScale * A2 B2. The tail is how a low-rank adapter rides on the frozen product: [x | s xa] [W | B]^T.
/// </summary>
internal unsafe struct MatMulProduct
{
    public float* A;         // (M, K): element (m, k) at A[m * RowA + k * ColumnA]
    public nint RowA;
    public nint ColumnA;
    public float* B;         // (K, N): element (k, n) at B[k * RowB + n * ColumnB]
    public nint RowB;
    public nint ColumnB;
    public WeightType TypeB; // other than F32: B is a weight, whose rows lie RowBytesB apart
    public nint RowBytesB;
    public bool TransposedB; // of such a weight: its rows are the columns of B, k runs along them
    public float* C;         // (M, N): element (m, n) at C[m * RowC + n]
    public nint RowC;
    public int M;
    public int N;
    public int K;
    public float Alpha;
    public bool Accumulate;
    public float* Bias;      // (N), or null; only when not accumulating
    public bool RoomyC;      // rows of C have room for whole panels, and are written in whole vectors

    public float* TailA;     // (M, TailK)
    public nint TailRowA;
    public float* TailB;     // (TailK, N)
    public nint TailRowB;
    public nint TailColumnB;
    public int TailK;        // 0: no tail
    public float TailScale;  // relative to Alpha

    public MatMulWay Way;    // how the operands are read: MatMulBlocks.Plan
    public int FirstK;       // where the k of packed B begin
    public int PackedDepth;  // and how many there are of them per panel

    public readonly int TotalK => K + TailK;
}

/// <summary>How a product reads its operands.</summary>
internal enum MatMulWay
{
    /// <summary>B packed into panels.</summary>
    Packed,

    /// <summary>B where it lies: it has the order of the panels, and too few slabs of A pass over it to repay packing.</summary>
    PlainB,

    /// <summary>
    /// Both where they lie, as dot products along k: few rows against transposed weights (one token being decoded), where packing
    /// costs more than the product.
    /// </summary>
    Dots,
}
