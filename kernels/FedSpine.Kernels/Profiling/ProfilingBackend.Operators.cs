using System.Diagnostics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Profiling;

public sealed partial class ProfilingBackend
{
    public void Fill(DeviceSpan<float> y, float value)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Fill(y, value);
        _cost.Fill(y, value);
        End("Fill", start, y.Bytes);
    }

    public void Copy(DeviceSpan<float> y, DeviceSpan<float> x)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Copy(y, x);
        _cost.Copy(y, x);
        End("Copy", start, y.Bytes + x.Bytes);
    }

    public void Map<TFormula>(DeviceSpan<float> y, DeviceSpan<float> x) where TFormula : struct, IUnaryFormula
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Map<TFormula>(y, x);
        _cost.Map<TFormula>(y, x);
        End(MapNames<TFormula>.Name, start, y.Bytes + x.Bytes);
    }

    public void Map<TFormula>(DeviceSpan<float> z, DeviceSpan<float> x, DeviceSpan<float> y) where TFormula : struct, IBinaryFormula
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Map<TFormula>(z, x, y);
        _cost.Map<TFormula>(z, x, y);
        End(MapNames<TFormula>.Name, start, z.Bytes + x.Bytes + y.Bytes);
    }

    public void Map<TFormula>(DeviceSpan<float> w, DeviceSpan<float> x, DeviceSpan<float> y,
        DeviceSpan<float> z) where TFormula : struct, ITernaryFormula
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Map<TFormula>(w, x, y, z);
        _cost.Map<TFormula>(w, x, y, z);
        End(MapNames<TFormula>.Name, start, w.Bytes + x.Bytes + y.Bytes + z.Bytes);
    }

    public void MatMul(DeviceSpan<float> c, DeviceSpan<float> a, DeviceSpan<float> b, in MatMulShape shape, float alpha = 1,
        bool accumulate = false)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.MatMul(c, a, b, in shape, alpha, accumulate);
        _cost.MatMul(c, a, b, in shape, alpha, accumulate);
        End("MatMul", start, c.Bytes + a.Bytes + b.Bytes);
    }

    public void LinearForward(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LinearForward(y, xa, x, in w, rows);
        _cost.LinearForward(y, xa, x, in w, rows);
        End("LinearForward", start, y.Bytes + xa.Bytes + x.Bytes + Bytes(w), w.Weight);
    }

    public void LinearForward<TFormula>(DeviceSpan<float> fy, DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w,
        int rows) where TFormula : struct, IUnaryFormula
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LinearForward<TFormula>(fy, y, xa, x, in w, rows);
        Cost.LinearForward<TFormula>(fy, y, xa, x, in w, rows);
        End(FusedNames<TFormula>.Name, start, fy.Bytes + y.Bytes + xa.Bytes + x.Bytes + Bytes(w), w.Weight);
    }

    public void LinearForward<TFormula>(DeviceSpan<float> fy, DeviceSpan<float> z, DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x,
        in LinearOperands w, int rows) where TFormula : struct, IBinaryFormula
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LinearForward<TFormula>(fy, z, y, xa, x, in w, rows);
        Cost.LinearForward<TFormula>(fy, z, y, xa, x, in w, rows);
        End(FusedNames<TFormula>.Name, start, fy.Bytes + z.Bytes + y.Bytes + xa.Bytes + x.Bytes + Bytes(w), w.Weight);
    }

    public void SwiGluBackward(DeviceSpan<float> dgate, DeviceSpan<float> dup, DeviceSpan<float> gate, DeviceSpan<float> up, DeviceSpan<float> dh)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.SwiGluBackward(dgate, dup, gate, up, dh);
        Cost.SwiGluBackward(dgate, dup, gate, up, dh);
        End("SwiGluBackward", start, dgate.Bytes + dup.Bytes + gate.Bytes + up.Bytes + dh.Bytes);
    }

    public void LinearBackward(DeviceSpan<float> dx, in LinearGradients dw, DeviceSpan<float> dyb, DeviceSpan<float> dy,
        DeviceSpan<float> x, DeviceSpan<float> xa, in LinearOperands w, int rows, bool accumulate = false)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LinearBackward(dx, in dw, dyb, dy, x, xa, in w, rows, accumulate);
        _cost.LinearBackward(dx, in dw, dyb, dy, x, xa, in w, rows, accumulate);
        End("LinearBackward", start, dx.Bytes + dyb.Bytes + dy.Bytes + x.Bytes + xa.Bytes + Bytes(dw) + Bytes(w), w.Weight);
    }

    public void AddRmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> residual,
        DeviceSpan<float> weight, int rows, int D, float eps)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.AddRmsNormForward(y, rstd, x, residual, weight, rows, D, eps);
        Cost.AddRmsNormForward(y, rstd, x, residual, weight, rows, D, eps);
        End("AddRmsNormForward", start, y.Bytes + rstd.Bytes + 2 * x.Bytes + residual.Bytes + weight.Bytes);
    }

    public void AddLayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x,
        DeviceSpan<float> residual, DeviceSpan<float> weight, DeviceSpan<float> bias, int rows, int D, float eps)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.AddLayerNormForward(y, mean, rstd, x, residual, weight, bias, rows, D, eps);
        Cost.AddLayerNormForward(y, mean, rstd, x, residual, weight, bias, rows, D, eps);
        End("AddLayerNormForward", start, y.Bytes + mean.Bytes + rstd.Bytes + 2 * x.Bytes + residual.Bytes + weight.Bytes + bias.Bytes);
    }

    public void RmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight, int rows,
        int D, float eps)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.RmsNormForward(y, rstd, x, weight, rows, D, eps);
        _cost.RmsNormForward(y, rstd, x, weight, rows, D, eps);
        End("RmsNormForward", start, y.Bytes + rstd.Bytes + x.Bytes + weight.Bytes, weight);
    }

    public void RmsNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> rstd, int rows, int D, bool accumulate = false)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.RmsNormBackward(dx, dweight, dy, x, weight, rstd, rows, D, accumulate);
        _cost.RmsNormBackward(dx, dweight, dy, x, weight, rstd, rows, D, accumulate);
        End("RmsNormBackward", start, dx.Bytes + dweight.Bytes + dy.Bytes + x.Bytes + weight.Bytes + rstd.Bytes, weight);
    }

    public void LayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> bias, int rows, int D, float eps)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LayerNormForward(y, mean, rstd, x, weight, bias, rows, D, eps);
        _cost.LayerNormForward(y, mean, rstd, x, weight, bias, rows, D, eps);
        End("LayerNormForward", start, y.Bytes + mean.Bytes + rstd.Bytes + x.Bytes + weight.Bytes + bias.Bytes, weight);
    }

    public void LayerNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dbias, DeviceSpan<float> dy,
        DeviceSpan<float> x, DeviceSpan<float> weight, DeviceSpan<float> mean, DeviceSpan<float> rstd, int rows, int D,
        bool accumulate = false)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LayerNormBackward(dx, dweight, dbias, dy, x, weight, mean, rstd, rows, D, accumulate);
        _cost.LayerNormBackward(dx, dweight, dbias, dy, x, weight, mean, rstd, rows, D, accumulate);
        End("LayerNormBackward", start, dx.Bytes + dweight.Bytes + dbias.Bytes + dy.Bytes + x.Bytes + weight.Bytes + mean.Bytes + rstd.Bytes, weight);
    }

    public void Softmax(DeviceSpan<float> y, DeviceSpan<float> x, int rows, int C)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Softmax(y, x, rows, C);
        _cost.Softmax(y, x, rows, C);
        End("Softmax", start, y.Bytes + x.Bytes);
    }

    public void AttentionForward(DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<float> q, DeviceSpan<float> k,
        DeviceSpan<float> v, DeviceSpan<int> lengths, in AttentionShape shape)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.AttentionForward(o, lse, q, k, v, lengths, in shape);
        _cost.AttentionForward(o, lse, q, k, v, lengths, in shape);
        End("AttentionForward", start, o.Bytes + lse.Bytes + q.Bytes + k.Bytes + v.Bytes + lengths.Bytes);
    }

    public void AttentionBackward(DeviceSpan<float> dq, DeviceSpan<float> dk, DeviceSpan<float> dv, DeviceSpan<float> d_o,
        DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<float> o, DeviceSpan<float> lse,
        DeviceSpan<int> lengths, in AttentionShape shape)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.AttentionBackward(dq, dk, dv, d_o, q, k, v, o, lse, lengths, in shape);
        _cost.AttentionBackward(dq, dk, dv, d_o, q, k, v, o, lse, lengths, in shape);
        End("AttentionBackward", start, dq.Bytes + dk.Bytes + dv.Bytes + d_o.Bytes + q.Bytes + k.Bytes + v.Bytes + o.Bytes + lse.Bytes + lengths.Bytes);
    }

    public void CacheAppend(DeviceSpan<float> cache, DeviceSpan<float> x, DeviceSpan<int> positions, int T, in CacheShape shape)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.CacheAppend(cache, x, positions, T, in shape);
        _cost.CacheAppend(cache, x, positions, T, in shape);
        End("CacheAppend", start, 2 * x.Bytes);
    }

    public void AttentionDecode(DeviceSpan<float> o, DeviceSpan<float> q, DeviceSpan<float> kCache, DeviceSpan<float> vCache,
        DeviceSpan<int> positions, in CacheShape shape)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.AttentionDecode(o, q, kCache, vCache, positions, in shape);
        _cost.AttentionDecode(o, q, kCache, vCache, positions, in shape);
        End("AttentionDecode", start, o.Bytes + q.Bytes + kCache.Bytes + vCache.Bytes + positions.Bytes);
    }

    public void Rope(DeviceSpan<float> x, DeviceSpan<float> table, int B, int T, int H, int D, bool inverse = false)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Rope(x, table, B, T, H, D, inverse);
        _cost.Rope(x, table, B, T, H, D, inverse);
        End("Rope", start, x.Bytes + table.Bytes);
    }

    public void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, WeightSpan table, int rows, int D,
        bool accumulate = false)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.EmbeddingForward(y, ids, table, rows, D, accumulate);
        _cost.EmbeddingForward(y, ids, table, rows, D, accumulate);
        End("EmbeddingForward", start, y.Bytes + rows * table.Type.RowBytes(D) + ids.Bytes, table);
    }

    public void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.EmbeddingBackward(dtable, ids, dy, rows, D);
        _cost.EmbeddingBackward(dtable, ids, dy, rows, D);
        End("EmbeddingBackward", start, 3 * dy.Bytes + ids.Bytes);
    }

    public void CrossEntropy(DeviceSpan<float> losses, DeviceSpan<float> dlogits, DeviceSpan<float> logits, DeviceSpan<int> targets,
        int rows, int C, float gradScale)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.CrossEntropy(losses, dlogits, logits, targets, rows, C, gradScale);
        _cost.CrossEntropy(losses, dlogits, logits, targets, rows, C, gradScale);
        End("CrossEntropy", start, losses.Bytes + dlogits.Bytes + logits.Bytes + targets.Bytes);
    }

    public void AdamW(DeviceSpan<float> w, DeviceSpan<float> m, DeviceSpan<float> v, DeviceSpan<float> g, DeviceSpan<float> gradScale,
        in AdamWStep step)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.AdamW(w, m, v, g, gradScale, in step);
        _cost.AdamW(w, m, v, g, gradScale, in step);
        End("AdamW", start, w.Bytes + m.Bytes + v.Bytes + g.Bytes + gradScale.Bytes);
    }

    public void GradientNorm(DeviceSpan<float> norm, DeviceSpan<float> g, float maxNorm)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.GradientNorm(norm, g, maxNorm);
        _cost.GradientNorm(norm, g, maxNorm);
        End("GradientNorm", start, norm.Bytes + g.Bytes);
    }

    public void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Dropout(y, x, rate, seed);
        _cost.Dropout(y, x, rate, seed);
        End("Dropout", start, y.Bytes + x.Bytes);
    }

    public void GatherRows(WeightSpan y, WeightSpan x, DeviceSpan<int> rows, int D)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.GatherRows(y, x, rows, D);
        _cost.GatherRows(y, x, rows, D);
        End("GatherRows", start, 2 * rows.Length * x.Type.RowBytes(D) + rows.Bytes);
    }

    public void GatherColumns(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> columns, int M, int D)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.GatherColumns(y, x, columns, M, D);
        _cost.GatherColumns(y, x, columns, M, D);
        End("GatherColumns", start, 2 * y.Bytes + columns.Bytes);
    }

    public void TaylorImportance(DeviceSpan<float> score, DeviceSpan<float> gates, DeviceSpan<float> x, DeviceSpan<float> dx,
        DeviceSpan<int> lengths, int B, int T, int G, int D)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.TaylorImportance(score, gates, x, dx, lengths, B, T, G, D);
        _cost.TaylorImportance(score, gates, x, dx, lengths, B, T, G, D);
        End("TaylorImportance", start, score.Bytes + gates.Bytes + x.Bytes + dx.Bytes + lengths.Bytes);
    }

    public void ColumnMoments(DeviceSpan<float> count, DeviceSpan<float> mean, DeviceSpan<float> m2, DeviceSpan<float> x,
        DeviceSpan<int> lengths, int B, int T, int C)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.ColumnMoments(count, mean, m2, x, lengths, B, T, C);
        _cost.ColumnMoments(count, mean, m2, x, lengths, B, T, C);
        End("ColumnMoments", start, count.Bytes + mean.Bytes + m2.Bytes + x.Bytes + lengths.Bytes);
    }

    public void SquareSums(DeviceSpan<float> y, WeightSpan x, int M, int N, MatrixAxis axis)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.SquareSums(y, x, M, N, axis);
        _cost.SquareSums(y, x, M, N, axis);
        End("SquareSums", start, y.Bytes + M * x.Type.RowBytes(N));
    }

    public void LoraImportance(DeviceSpan<float> score, in LinearOperands w, DeviceSpan<float> dA, DeviceSpan<float> dB, MatrixAxis axis)
    {
        long start = Stopwatch.GetTimestamp();
        _inner.LoraImportance(score, in w, dA, dB, axis);
        _cost.LoraImportance(score, in w, dA, dB, axis);
        End("LoraImportance", start, score.Bytes + dA.Bytes + dB.Bytes + Bytes(w), w.Weight);
    }
}
