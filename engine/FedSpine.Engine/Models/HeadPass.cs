using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// What follows the blocks, on the M rows that matter only: the classified token of each example, or the positions with a target.
/// Logits exist a chunk of rows at a time, and in training become their own gradient at once.
/// </summary>
internal sealed class HeadPass(Model model)
{
    /// <summary>A chunk of logits is at most this many elements (32 MiB), but at least <see cref="MinChunkRows"/> rows.</summary>
    private const int ChunkElements = 8 << 20;

    private const int MinChunkRows = 32;

    private DeviceSpan<float> _x;          // (M, W) gathered
    private DeviceSpan<float> _u;          // (M, W) after the dense layer; masked LM
    private DeviceSpan<float> _h;          // (M, W) after its activation
    private DeviceSpan<float> _y;          // (M, W) input of the output layer
    private DeviceSpan<float> _mean;       // (M)
    private DeviceSpan<float> _rstd;       // (M)

    /// <summary>Classes, or words of the vocabulary.</summary>
    public int Columns => model.Head.Out.Out;

    /// <summary>Features of the head's rows from x (R, W), or (M, W) where the last layer was narrow; ends the life of x.</summary>
    public void Forward(PassContext c, DeviceSpan<float> x)
    {
        int M = c.HeadRowCount, W = model.Spec.Width;
        var head = model.Head;
        if (c.NarrowsLast)
        {
            _x = x;
        }
        else
        {
            _x = c.HeadRowsOf(x, W);
            c.Release(x);
        }

        if (model.Spec.IsDecoder)
        {
            _y = c.Rent(M * W);
            _rstd = c.Rent(M);
            c.Backend.RmsNormForward(_y, _rstd, _x, head.FinalNorm!.Value, M, W, model.Spec.NormEpsilon);
        }
        else if (model.Spec.Head == ModelHead.SequenceClassification)
        {
            _h = c.Rent(M * W);
            c.Backend.LinearForward(_h, default, _x, head.Dense!.Operands, M);
            c.Backend.Map<Tanh>(_h, _h);
            _y = c.Drop(_h, TransformerPass.HeadSite);
        }
        else
        {
            _u = c.Rent(M * W);
            c.Backend.LinearForward(_u, default, _x, head.Dense!.Operands, M);
            _h = c.Rent(M * W);
            c.Activate(model.Spec.Activation, _h, _u);
            _y = c.Rent(M * W);
            _mean = c.Rent(M);
            _rstd = c.Rent(M);
            c.Backend.LayerNormForward(_y, _mean, _rstd, _h, head.DenseNorm!.Value, head.DenseNormBias!.Value, M, W, model.Spec.NormEpsilon);
        }
    }

    /// <summary>
    /// losses (M); gradients of the head; d (R, W) = dL/dx in a new buffer, zero outside the head's rows, or (M, W) of a narrow last layer.
    /// Loss gradients are multiplied by <paramref name="gradScale"/>.
    /// </summary>
    public DeviceSpan<float> LossAndBackward(PassContext c, DeviceSpan<float> losses, float gradScale)
    {
        int M = c.HeadRowCount, W = model.Spec.Width, C = Columns, chunk = ChunkRows(M);
        var head = model.Head;
        var d = c.Rent(M * W);                                                              // (M, W) dL/dy, then dL/d_x
        var logits = c.Rent(chunk * C);                                                     // (chunk, C), then its gradient
        for (int start = 0; start < M; start += chunk)
        {
            int rows = Math.Min(chunk, M - start);
            var part = logits.Slice(0, rows * C);
            var targets = c.Targets.Slice(start, rows);
            var y = _y.Slice(start * W, rows * W);
            c.Backend.LinearForward(part, default, y, head.Out.Operands, rows);
            c.Backend.CrossEntropy(losses.Slice(start, rows), part, part, targets, rows, C, gradScale);
            c.Backend.LinearBackward(d.Slice(start * W, rows * W), head.Out.Gradients, default, part, y, default, head.Out.Operands, rows);
        }

        c.Release(logits);
        if (model.Spec.IsDecoder)
        {
            c.Backend.RmsNormBackward(d, head.FinalNorm!.Gradient, d, _x, head.FinalNorm.Value, _rstd, M, W);
            c.Release(_y);
            c.Release(_rstd);
        }
        else if (model.Spec.Head == ModelHead.SequenceClassification)
        {
            c.ReleaseDropped(_y);
            c.DropInPlace(d, TransformerPass.HeadSite);
            c.Backend.Map<TanhBackward>(d, _h, d);
            d = DenseBackward(c, d);
            c.Release(_h);
        }
        else
        {
            c.Backend.LayerNormBackward(d, head.DenseNorm!.Gradient, head.DenseNormBias!.Gradient, d, _h, head.DenseNorm.Value, _mean, _rstd, M, W);
            c.Release(_y);
            c.Release(_h);
            c.Release(_mean);
            c.Release(_rstd);
            c.ActivateBackward(model.Spec.Activation, d, _u, d);
            c.Release(_u);
            d = DenseBackward(c, d);
        }

        c.Release(_x);
        return c.NarrowsLast ? d : c.SpreadHeadRows(d, W);
    }

    /// <summary>
    /// Rows [start, start + rows) of logits (rows, C) for inference, in <paramref name="buffer"/> (<see cref="ChunkRows"/> rows or more).
    /// </summary>
    public DeviceSpan<float> Logits(PassContext c, DeviceSpan<float> buffer, int start, int rows)
    {
        int W = model.Spec.Width;
        var part = buffer.Slice(0, rows * Columns);
        c.Backend.LinearForward(part, default, _y.Slice(start * W, rows * W), model.Head.Out.Operands, rows);
        return part;
    }

    /// <summary>Rows of logits that are held at a time.</summary>
    public int ChunkRows(int M) => Math.Min(M, Math.Max(MinChunkRows, ChunkElements / Columns));

    /// <summary>dL/d_x (M, W) in a new buffer; releases d.</summary>
    private DeviceSpan<float> DenseBackward(PassContext c, DeviceSpan<float> d)
    {
        var dx = c.Rent(d.Length);
        c.LinearBackward(dx, model.Head.Dense!, d, _x, default, c.HeadRowCount);
        c.Release(d);
        return dx;
    }
}
