using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels;

/// <summary>
/// Runs nothing and counts the work: the dry run that plans a step's memory and prices its floating-point operations
/// (a multiply-add is two). Elementwise work is counted as one operation per element read.
/// </summary>
public sealed class RecordingBackend : IComputeBackend
{
    /// <summary>Floating-point operations since the start.</summary>
    public long Flops { get; private set; }

    public string Name => "recording";

    public bool Supports(Operator op, Type type) => true;

    public bool Supports(Operator op, WeightType type) => true;

    public Arena Allocate(long bytes) => new EmptyArena(bytes);

    public void Upload<T>(DeviceSpan<T> destination, ReadOnlySpan<T> source) where T : unmanaged { }

    public void Download<T>(Span<T> destination, DeviceSpan<T> source) where T : unmanaged => destination.Clear();

    public void Synchronize() { }

    public void Dispose() { }

    public void Fill(DeviceSpan<float> y, float value) { }

    public void Copy(DeviceSpan<float> y, DeviceSpan<float> x) { }

    public void Map<TFormula>(DeviceSpan<float> y, DeviceSpan<float> x) where TFormula : struct, IUnaryFormula => Flops += x.Length;

    public void Map<TFormula>(DeviceSpan<float> z, DeviceSpan<float> x, DeviceSpan<float> y) where TFormula : struct, IBinaryFormula =>
        Flops += 2L * x.Length;

    public void Map<TFormula>(DeviceSpan<float> w, DeviceSpan<float> x, DeviceSpan<float> y, DeviceSpan<float> z) where TFormula : struct, ITernaryFormula =>
        Flops += 3L * x.Length;

    public void MatMul(DeviceSpan<float> c, DeviceSpan<float> a, DeviceSpan<float> b, in MatMulShape shape, float alpha = 1, bool accumulate = false) =>
        Flops += shape.Flops;

    public void LinearForward(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows) =>
        Flops += 2L * rows * ((long)w.In * w.Out + (long)w.Rank * (w.In + w.Out));

    public void LinearBackward(DeviceSpan<float> dx, in LinearGradients dw, DeviceSpan<float> dyb, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> xa, in LinearOperands w, int rows, bool accumulate = false)
    {
        long dense = 2L * rows * w.In * w.Out;
        long low = 2L * rows * w.Rank;
        if (!dx.IsEmpty)
            Flops += dense + low * w.In;
        if (!dw.Weight.IsEmpty)
            Flops += dense;
        if (w.Rank > 0)
            Flops += low * w.Out; // dy B
        if (!dw.A.IsEmpty)
            Flops += low * w.In;
        if (!dw.B.IsEmpty)
            Flops += low * w.Out;
    }

    public void RmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight, int rows, int D, float eps) =>
        Flops += 4L * rows * D;

    public void RmsNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dy, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> rstd, int rows, int D, bool accumulate = false) => Flops += 8L * rows * D;

    public void LayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> bias, int rows, int D, float eps) => Flops += 7L * rows * D;

    public void LayerNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dbias, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> mean, DeviceSpan<float> rstd, int rows, int D, bool accumulate = false) => Flops += 11L * rows * D;

    public void Softmax(DeviceSpan<float> y, DeviceSpan<float> x, int rows, int C) => Flops += 4L * rows * C;

    public void AttentionForward(DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v,
        DeviceSpan<int> lengths, in AttentionShape shape) => Flops += 2 * Product(shape);

    public void AttentionBackward(DeviceSpan<float> dq, DeviceSpan<float> dk, DeviceSpan<float> dv, DeviceSpan<float> d_o, DeviceSpan<float> q,
        DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<int> lengths, in AttentionShape shape) =>
        Flops += 5 * Product(shape);

    public void CacheAppend(DeviceSpan<float> cache, DeviceSpan<float> x, DeviceSpan<int> positions, int T, in CacheShape shape) { }

    /// <remarks>Positions are not known here: counted for a full cache.</remarks>
    public void AttentionDecode(DeviceSpan<float> o, DeviceSpan<float> q, DeviceSpan<float> kCache, DeviceSpan<float> vCache,
        DeviceSpan<int> positions, in CacheShape shape) => Flops += 4L * shape.B * shape.QueryHeads * shape.Capacity * shape.HeadSize;

    public void Rope(DeviceSpan<float> x, DeviceSpan<float> table, int B, int T, int H, int D, bool inverse = false) => Flops += 3L * x.Length;

    public void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, WeightSpan table, int rows, int D, bool accumulate = false) =>
        Flops += accumulate ? (long)rows * D : 0;

    public void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D) => Flops += (long)rows * D;

    public void CrossEntropy(DeviceSpan<float> losses, DeviceSpan<float> dlogits, DeviceSpan<float> logits, DeviceSpan<int> targets, int rows, int C, float gradScale) =>
        Flops += 5L * rows * C;

    public void AdamW(DeviceSpan<float> w, DeviceSpan<float> m, DeviceSpan<float> v, DeviceSpan<float> g, DeviceSpan<float> gradScale, in AdamWStep step) =>
        Flops += 14L * w.Length;

    public void GradientNorm(DeviceSpan<float> norm, DeviceSpan<float> g, float maxNorm) => Flops += 2L * g.Length;

    public void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed) => Flops += x.Length;

    public void GatherRows(WeightSpan y, WeightSpan x, DeviceSpan<int> rows, int D) { }

    public void GatherColumns(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> columns, int M, int D) { }

    public void TaylorImportance(DeviceSpan<float> score, DeviceSpan<float> gates, DeviceSpan<float> x, DeviceSpan<float> dx, DeviceSpan<int> lengths,
        int B, int T, int G, int D) => Flops += 2L * x.Length;

    public void ColumnMoments(DeviceSpan<float> count, DeviceSpan<float> mean, DeviceSpan<float> m2, DeviceSpan<float> x, DeviceSpan<int> lengths, int B, int T, int C) =>
        Flops += 4L * x.Length;

    public void SquareSums(DeviceSpan<float> y, WeightSpan x, int M, int N, MatrixAxis axis) => Flops += 2L * x.Length;

    public void LoraImportance(DeviceSpan<float> score, in LinearOperands w, DeviceSpan<float> dA, DeviceSpan<float> dB, MatrixAxis axis) =>
        Flops += (8L * w.Rank + 5) * w.In * w.Out;

    /// <summary>One T x T x D product for every head; half of it when causal.</summary>
    private static long Product(in AttentionShape s)
    {
        long full = 2L * s.B * s.QueryHeads * s.T * s.T * s.HeadSize;
        return s.Causal ? full / 2 : full;
    }

    private sealed class EmptyArena(long bytes) : Arena(bytes)
    {
        public override void Dispose() { }
    }
}
