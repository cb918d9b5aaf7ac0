using FedSpine.Engine.Training;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

internal sealed partial class EncoderPass
{
    /// <inheritdoc/>
    public override void Backward(PassContext c, DeviceSpan<float> d)
    {
        int W = model.Spec.Width;
        bool all = model.Trainable == Trainable.All;
        for (int l = _activations.Length - 1; l >= c.FirstTrainedLayer; l--)
        {
            int rows = c.RowsBehindAttention(l);
            var layer = model.Layers[l];
            var shape = layer.Spec;
            ref var a = ref _activations[l];
            var h = c.RecomputeOf(l) == Recompute.Full ? ForwardAgain(c, l) : default;      // (R, F)

            // Feed-forward: d = dL/dx2 becomes dL/d(x1 + down(h)), then dL/dx1
            NormBackward(c, d, a.Ffn, layer.FfnNorm, layer.FfnNormBias, rows);
            var dy = c.Drop(d, FfnSite(l));                                      // (R, W)
            if (h.IsEmpty)
            {
                h = c.Rent(rows * shape.FfnWidth);
                c.Activate(model.Spec.Activation, h, a.U);
            }

            var dh = c.Rent(rows * shape.FfnWidth);                                         // (R, F)
            c.LinearBackward(dh, layer.Down, dy, h, a.HA, rows);
            c.ReleaseDropped(dy);
            c.Observer?.OnBackwardFfn(c.Backend, c.Workspace, l, h, dh, c.SequencesBehindAttention(l));
            c.Release(h);
            c.ActivateBackward(model.Spec.Activation, dh, a.U, dh);
            c.Release(a.U);
            var x1 = NormAgain(c, a.Attention, layer.AttentionNorm, layer.AttentionNormBias, rows); // (R, W)
            c.LinearBackward(d, layer.Up, dh, x1, a.UA, rows, accumulate: true);
            c.Release(dh);
            c.Release(x1);

            // Attention: d = dL/dx1 becomes dL/d(x + o_proj(o)), then dL/dx
            NormBackward(c, d, a.Attention, layer.AttentionNorm, layer.AttentionNormBias, rows);
            DeviceSpan<float> x = default;                                                  // (R, W)
            if (c.RecomputeOf(l) == Recompute.Attention)
            {
                x = LayerInput(c, l);
                AttentionForward(c, l, x, keep: true);
            }

            dy = c.Drop(d, AttentionSite(l));                                               // (R, W)
            var d_o = c.Rent(rows * shape.QuerySize);                                       // (R, QH*D)
            c.LinearBackward(d_o, layer.Output, dy, a.Heads, a.OA, rows);
            c.ReleaseDropped(dy);
            c.Observer?.OnBackwardAttention(c.Backend, c.Workspace, l, a.Heads, d_o, c.SequencesBehindAttention(l));
            if (c.IsNarrow(l))
            {
                c.Release(a.Heads);
                d_o = c.SpreadHeadRows(d_o, shape.QuerySize);
                d = c.SpreadHeadRows(d, W);
                rows = c.Rows;
            }

            var dq = c.Rent(rows * shape.QuerySize);                                        // (R, QH*D)
            var dk = c.Rent(rows * shape.KeyValueSize);                                     // (R, KVH*D)
            var dv = c.Rent(rows * shape.KeyValueSize);                                     // (R, KVH*D)
            c.AttentionBackward(dq, dk, dv, d_o, a.Q, a.K, a.V, a.O, a.Lse, shape, causal: false);
            c.Release(d_o);
            c.Release(a.Q);
            c.Release(a.K);
            c.Release(a.V);
            c.Release(a.O);
            c.Release(a.Lse);
            if (x.IsEmpty)
                x = LayerInput(c, l);
            var dx = l > c.FirstTrainedLayer || all ? d : default; // nothing below learns: dL/dx is not formed
            c.LinearBackward(dx, layer.Query, dq, x, a.QA, rows, accumulate: true);
            c.LinearBackward(dx, layer.Key, dk, x, a.KA, rows, accumulate: true);
            c.LinearBackward(dx, layer.Value, dv, x, a.VA, rows, accumulate: true);
            c.Release(dq);
            c.Release(dk);
            c.Release(dv);
            c.Release(x);
        }

        if (all)
            EmbedBackward(c, d);
        c.Release(d);
    }

    private void EmbedBackward(PassContext c, DeviceSpan<float> d)
    {
        int rows = c.Rows, W = model.Spec.Width;
        var e = model.Embeddings;
        var de = c.Drop(d, EmbeddingSite);
        NormBackward(c, de, _embedding, e.Norm!, e.NormBias, rows);
        c.Backend.EmbeddingBackward(e.Words.Gradient, c.Ids, de, rows, W);
        c.Backend.EmbeddingBackward(e.Positions!.Gradient, c.Positions, de, rows, W);
        c.Backend.EmbeddingBackward(e.Types!.Gradient, c.Types, de, rows, W);
        c.ReleaseDropped(de);
    }

    /// <summary>
    /// The layer's forward pass once more, up to the feed-forward activation: what follows, the down projection into a.Ffn, was kept,
    /// since the next layer's input comes from it. Returns h (R, F).
    /// </summary>
    private DeviceSpan<float> ForwardAgain(PassContext c, int l)
    {
        var x = LayerInput(c, l);
        AttentionForward(c, l, x, keep: true);
        var x1 = OutputForward(c, l, x, keep: true);
        c.Release(x);
        var h = UpForward(c, l, x1, keep: true);
        c.Release(x1);
        return h;
    }

    /// <summary>x (R, W): what the forward pass fed layer <paramref name="l"/>, in a new buffer.</summary>
    private DeviceSpan<float> LayerInput(PassContext c, int l)
    {
        if (l > 0)
            return NormAgain(c, _activations[l - 1].Ffn, model.Layers[l - 1].FfnNorm, model.Layers[l - 1].FfnNormBias, c.Rows);
        var x = NormAgain(c, _embedding, model.Embeddings.Norm!, model.Embeddings.NormBias, c.Rows);
        c.DropInPlace(x, EmbeddingSite);
        return x;
    }

    private DeviceSpan<float> NormAgain(PassContext c, in NormInput input, Parameter weight, Parameter? bias, int rows)
    {
        int W = model.Spec.Width;
        var y = c.Rent(rows * W);
        c.Backend.LayerNormForward(y, input.Mean, input.Rstd, input.Sum, weight.Value, bias!.Value, rows, W, model.Spec.NormEpsilon);
        return y;
    }

    /// <summary>d in place: dL/dy becomes dL/dsum; ends the life of what was kept.</summary>
    private void NormBackward(PassContext c, DeviceSpan<float> d, in NormInput input, Parameter weight, Parameter? bias, int rows)
    {
        c.Backend.LayerNormBackward(d, weight.Gradient, bias!.Gradient, d, input.Sum, weight.Value, input.Mean, input.Rstd, rows, model.Spec.Width);
        Release(c, input);
    }
}
