using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels;

/// <summary>
/// The whole of what a device must be able to do. Outputs come first, matrices are row-major float32 (weights: <see cref="WeightType"/>), B, T, H, D as in the papers.
/// Operators run in call order; results are visible to the host after <see cref="Synchronize"/> or <see cref="Download{T}"/>.
/// An output never overlaps an input unless the operator's remark allows it. Results do not depend on the number of threads.
/// </summary>
/// <exception cref="ArgumentException">An operand's length contradicts the shape; every operator checks before it writes.</exception>
public interface IComputeBackend : IDisposable
{
    /// <summary>For people: "host AVX-512, 2 threads".</summary>
    string Name { get; }

    /// <summary>Whether the operator can run here on elements of <paramref name="type"/> (for Map: on the formula given).</summary>
    bool Supports(Operator op, Type type);

    /// <summary>Whether the operator takes a weight of <paramref name="type"/> here: Linear, Embedding (forward), GatherRows, SquareSums, LoraImportance.</summary>
    bool Supports(Operator op, WeightType type);

    /// <summary>A zeroed block of device memory. The caller disposes it.</summary>
    Arena Allocate(long bytes);

    void Upload<T>(DeviceSpan<T> destination, ReadOnlySpan<T> source) where T : unmanaged;

    void Download<T>(Span<T> destination, DeviceSpan<T> source) where T : unmanaged;

    /// <summary>Returns when everything asked for has been done.</summary>
    void Synchronize();

    /// <summary>y = value.</summary>
    void Fill(DeviceSpan<float> y, float value);

    /// <summary>y = x.</summary>
    void Copy(DeviceSpan<float> y, DeviceSpan<float> x);

    /// <summary>y = f(x), elementwise. y may be x.</summary>
    void Map<TFormula>(DeviceSpan<float> y, DeviceSpan<float> x) where TFormula : struct, IUnaryFormula;

    /// <summary>z = f(x, y), elementwise. z may be either.</summary>
    void Map<TFormula>(DeviceSpan<float> z, DeviceSpan<float> x, DeviceSpan<float> y) where TFormula : struct, IBinaryFormula;

    /// <summary>w = f(x, y, z), elementwise. w may be any of them.</summary>
    void Map<TFormula>(DeviceSpan<float> w, DeviceSpan<float> x, DeviceSpan<float> y, DeviceSpan<float> z) where TFormula : struct, ITernaryFormula;

    /// <summary>C = alpha op(A) op(B), or += when <paramref name="accumulate"/>. Each element sums over K in a fixed order.</summary>
    void MatMul(DeviceSpan<float> c, DeviceSpan<float> a, DeviceSpan<float> b, in MatMulShape shape, float alpha = 1, bool accumulate = false);

    /// <summary>
    /// y (rows, Out) = x W^T + bias + s (x A^T) B^T. <paramref name="xa"/> (rows, Rank) receives x A^T for the backward pass
    /// (absent when Rank is 0).
    /// </summary>
    void LinearForward(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows);

    /// <summary>
    /// y as above and fy (rows, Out) = f(y), taken while y is in cache: a feed-forward layer's first half. fy may be y, of which only
    /// f(y) is then left.
    /// </summary>
    void LinearForward<TFormula>(DeviceSpan<float> fy, DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows)
        where TFormula : struct, IUnaryFormula
    {
        LinearForward(y, xa, x, w, rows);
        Map<TFormula>(fy, y);
    }

    /// <summary>
    /// y as above and fy (rows, Out) = f(z, y): a gated feed-forward layer's first half, z the gate. fy may be y or z, which is then lost.
    /// </summary>
    void LinearForward<TFormula>(DeviceSpan<float> fy, DeviceSpan<float> z, DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x,
        in LinearOperands w, int rows) where TFormula : struct, IBinaryFormula
    {
        LinearForward(y, xa, x, w, rows);
        Map<TFormula>(fy, z, y);
    }

    /// <summary>dgate = dh up silu'(gate), dup = dh silu(gate), elementwise in one pass. dup may be dh.</summary>
    void SwiGluBackward(DeviceSpan<float> dgate, DeviceSpan<float> dup, DeviceSpan<float> gate, DeviceSpan<float> up, DeviceSpan<float> dh)
    {
        Map<SwiGluBackwardGate>(dgate, gate, up, dh);
        Map<SwiGluBackwardUp>(dup, gate, dh);
    }

    /// <summary>
    /// dx (rows, In) = dy W + s (dy B) A (+= when <paramref name="accumulate"/>; dx absent: not formed). Adds to the gradients
    /// that are present: dA += s (dy B)^T x, dB += s dy^T xa, dW += dy^T x (float32 weights only), dbias += column sums of dy.
    /// <paramref name="dyb"/> (rows, Rank) is scratch, absent when Rank is 0.
    /// </summary>
    void LinearBackward(DeviceSpan<float> dx, in LinearGradients dw, DeviceSpan<float> dyb, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> xa, in LinearOperands w, int rows, bool accumulate = false);

    /// <summary>y = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + eps) per row. x, y (rows, D); rstd (rows). y may be x.</summary>
    void RmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight, int rows, int D, float eps);

    /// <summary>x += residual, then the norm of it, in one pass. The other operands as in <see cref="RmsNormForward"/>; y is not x.</summary>
    void AddRmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> residual, DeviceSpan<float> weight,
        int rows, int D, float eps)
    {
        Map<Add>(x, x, residual);
        RmsNormForward(y, rstd, x, weight, rows, D, eps);
    }

    /// <summary>dx from dy (+= when <paramref name="accumulate"/>); dweight (D) += when present. dx may be dy when not accumulating.</summary>
    void RmsNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dy, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> rstd, int rows, int D, bool accumulate = false);

    /// <summary>y = (x - mean) * rstd * weight + bias per row. mean, rstd (rows). y may be x.</summary>
    void LayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> bias, int rows, int D, float eps);

    /// <summary>x += residual, then the norm of it, in one pass. The other operands as in <see cref="LayerNormForward"/>; y is not x.</summary>
    void AddLayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> residual,
        DeviceSpan<float> weight, DeviceSpan<float> bias, int rows, int D, float eps)
    {
        Map<Add>(x, x, residual);
        LayerNormForward(y, mean, rstd, x, weight, bias, rows, D, eps);
    }

    /// <summary>dx from dy (+= when <paramref name="accumulate"/>); dweight, dbias (D) += when present. dx may be dy when not accumulating.</summary>
    void LayerNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dbias, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> mean, DeviceSpan<float> rstd, int rows, int D, bool accumulate = false);

    /// <summary>y = softmax(x) per row, shifted by the row's maximum. x, y (rows, C). y may be x.</summary>
    void Softmax(DeviceSpan<float> y, DeviceSpan<float> x, int rows, int C);

    /// <summary>
    /// o = softmax(q k^T / sqrt(D)) v per head. Keys at positions >= lengths[b] are masked (padding on the right), and when causal
    /// also keys after the query. Rows of o at positions >= lengths[b] are zero. lse (B, QueryHeads, T) receives each row's
    /// log-sum-exp (0 at padding), all that the backward pass needs besides q, k, v and o.
    /// </summary>
    void AttentionForward(DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v,
        DeviceSpan<int> lengths, in AttentionShape shape);

    /// <summary>dq, dk, dv (shapes of q, k, v; overwritten; zero at padding) from do.</summary>
    void AttentionBackward(DeviceSpan<float> dq, DeviceSpan<float> dk, DeviceSpan<float> dv, DeviceSpan<float> d_o, DeviceSpan<float> q,
        DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<int> lengths, in AttentionShape shape);

    /// <summary>
    /// cache[b, h, positions[b] + t] = x[b, t, h] for the keys (or the values) of T new tokens a sequence, x (B, T, KeyValueHeads * HeadSize).
    /// </summary>
    void CacheAppend(DeviceSpan<float> cache, DeviceSpan<float> x, DeviceSpan<int> positions, int T, in CacheShape shape);

    /// <summary>
    /// o (B, QueryHeads * HeadSize) = softmax(q k^T / sqrt(D)) v per head, for one query a sequence, at positions[b]: it sees the cached
    /// keys 0 to positions[b], its own included. Each sequence is computed as if it were alone.
    /// </summary>
    void AttentionDecode(DeviceSpan<float> o, DeviceSpan<float> q, DeviceSpan<float> kCache, DeviceSpan<float> vCache,
        DeviceSpan<int> positions, in CacheShape shape);

    /// <summary>
    /// Rotates x (B, T, H, D) in place by position t: pairs (i, i + D/2), as in Hugging Face checkpoints. table (maxT, D) holds
    /// D/2 cosines, then D/2 sines per position. <paramref name="inverse"/> rotates back: the backward pass.
    /// </summary>
    void Rope(DeviceSpan<float> x, DeviceSpan<float> table, int B, int T, int H, int D, bool inverse = false);

    /// <summary>y (rows, D) = table[ids] (+= when <paramref name="accumulate"/>). An id outside the table throws on the host backend.</summary>
    void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, WeightSpan table, int rows, int D, bool accumulate = false);

    /// <summary>dtable[ids[r]] += dy[r], rows in order.</summary>
    void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D);

    /// <summary>
    /// losses (rows) = -log softmax(logits)[target], 0 where target is negative (ignored);
    /// dlogits = (softmax(logits) - onehot) * gradScale, 0 where ignored. dlogits may be logits; absent: loss only.
    /// </summary>
    void CrossEntropy(DeviceSpan<float> losses, DeviceSpan<float> dlogits, DeviceSpan<float> logits, DeviceSpan<int> targets, int rows, int C, float gradScale);

    /// <summary>
    /// m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr (mhat / (sqrt(vhat) + eps) + decay w), with g first multiplied by
    /// gradScale[0] (the clip factor; absent: 1; 0, a void step: nothing changes). Loshchilov and Hutter, arXiv 1711.05101.
    /// </summary>
    void AdamW(DeviceSpan<float> w, DeviceSpan<float> m, DeviceSpan<float> v, DeviceSpan<float> g, DeviceSpan<float> gradScale, in AdamWStep step);

    /// <summary>norm[0] = ||g||, norm[1] = min(1, maxNorm / norm) (1 when maxNorm is 0; 0 when the norm is not finite, so that the step is void).</summary>
    void GradientNorm(DeviceSpan<float> norm, DeviceSpan<float> g, float maxNorm);

    /// <summary>y = x * keep / (1 - rate), keep drawn per element from a counter-based generator: the same seed gives the same mask, so the backward pass is the same call on dy. y may be x.</summary>
    void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed);

    /// <summary>y (rows.Length, D) = x[rows], as stored: both are of one type.</summary>
    void GatherRows(WeightSpan y, WeightSpan x, DeviceSpan<int> rows, int D);

    /// <summary>y (M, columns.Length) = x[:, columns], x (M, D).</summary>
    void GatherColumns(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> columns, int M, int D);

    /// <summary>
    /// gates (B, G) = sum over t, d of x * dx: the derivative of the loss by a gate on each group; score (G) += sum over b of |gates|.
    /// x, dx (B, T, G * D); positions >= lengths[b] are left out.
    /// </summary>
    void TaylorImportance(DeviceSpan<float> score, DeviceSpan<float> gates, DeviceSpan<float> x, DeviceSpan<float> dx, DeviceSpan<int> lengths,
        int B, int T, int G, int D);

    /// <summary>
    /// Running moments of the columns of x (B, T, C) over the positions &lt; lengths[b]: count[0] (as float), mean (C) and m2 (C, sum of
    /// squared deviations) are updated with the batch (Chan et al.), so Var = m2 / count.
    /// </summary>
    void ColumnMoments(DeviceSpan<float> count, DeviceSpan<float> mean, DeviceSpan<float> m2, DeviceSpan<float> x, DeviceSpan<int> lengths, int B, int T, int C);

    /// <summary>y = sums of squares of x (M, N) per row (y (M)) or per column (y (N)).</summary>
    void SquareSums(DeviceSpan<float> y, WeightSpan x, int M, int N, MatrixAxis axis);

    /// <summary>
    /// LoRA-gradient importance (LoRAPrune, arXiv 2305.18403): G = dB A + B dA - dB dA, I = (G * (W + s B A))^2, score = sums of I per
    /// row (Out) or per column (In). Tile by tile: nothing of size Out x In is materialised. Not normalised.
    /// </summary>
    void LoraImportance(DeviceSpan<float> score, in LinearOperands w, DeviceSpan<float> dA, DeviceSpan<float> dB, MatrixAxis axis);
}
