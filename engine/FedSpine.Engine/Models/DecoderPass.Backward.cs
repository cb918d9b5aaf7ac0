using FedSpine.Engine.Training;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

internal sealed partial class DecoderPass
{
    /// <inheritdoc/>
    public override void Backward(PassContext c, DeviceSpan<float> d)
    {
        int W = _model.Spec.Width;
        bool all = _model.Trainable == Trainable.All;
        for (int l = _activations.Length - 1; l >= c.FirstTrainedLayer; l--)
        {
            int rows = c.RowsBehindAttention(l);
            var layer = _model.Layers[l];
            var shape = layer.Spec;
            ref var a = ref _activations[l];
            DeviceSpan<float> h = default;                                                  // (R, F)
            if (c.RecomputeOf(l) == Recompute.Full)
            {
                // Up to the feed-forward activation: the backward pass needs nothing of the down projection but a.HA, which was kept.
                AttentionForward(c, l, residual: default, keep: true);
                OutputForward(c, l, keep: true);
                h = GateForward(c, l, a.X, keep: true);
            }

            // Feed-forward: d = dL/dx2 becomes dL/dx1
            var dy = c.Drop(d, FfnSite(l));                                      // (R, W)
            if (h.IsEmpty)
            {
                h = c.Rent(rows * shape.FfnWidth);
                c.Backend.Map<SwiGlu>(h, a.Gate, a.Up);
            }

            var dh = c.Rent(rows * shape.FfnWidth);                                         // (R, F)
            c.LinearBackward(dh, layer.Down, dy, h, a.HA, rows);
            c.ReleaseDropped(dy);
            c.Observer?.OnBackwardFfn(c.Backend, c.Workspace, l, h, dh, c.SequencesBehindAttention(l));
            var dgate = h; // h is no longer needed                                         // (R, F)
            c.Backend.SwiGluBackward(dgate, dh, a.Gate, a.Up, dh); // dh becomes dup
            c.Release(a.Gate);
            c.Release(a.Up);
            var xn1 = Norm(c, a.X1, a.Rstd1, layer.FfnNorm, rows);                          // (R, W)
            var dn = c.Rent(rows * W);                                                      // (R, W)
            c.LinearBackward(dn, layer.Gate!, dgate, xn1, a.GA, rows);
            c.LinearBackward(dn, layer.Up, dh, xn1, a.UA, rows, accumulate: true);
            c.Release(dgate);
            c.Release(dh);
            c.Release(xn1);
            c.Backend.RmsNormBackward(d, layer.FfnNorm.Gradient, dn, a.X1, layer.FfnNorm.Value, a.Rstd1, rows, W, accumulate: true);
            c.Release(dn);
            c.Release(a.X1);
            c.Release(a.Rstd1);

            // Attention: d = dL/dx1 becomes dL/dx
            if (c.RecomputeOf(l) == Recompute.Attention)
                AttentionForward(c, l, residual: default, keep: true);
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
            c.AttentionBackward(dq, dk, dv, d_o, a.Q, a.K, a.V, a.O, a.Lse, shape, causal: true);
            c.Release(d_o);
            c.Release(a.Q);
            c.Release(a.K);
            c.Release(a.V);
            c.Release(a.O);
            c.Release(a.Lse);
            _rope.Rotate(c, dq, l, shape.QueryHeads, inverse: true);
            _rope.Rotate(c, dk, l, shape.KeyValueHeads, inverse: true);
            bool below = l > c.FirstTrainedLayer || all; // else nothing below learns: dL/dx is not formed
            var xn = Norm(c, a.X, a.Rstd, layer.AttentionNorm, rows);                       // (R, W)
            dn = below ? c.Rent(rows * W) : default;                                        // (R, W)
            c.LinearBackward(dn, layer.Query, dq, xn, a.QA, rows);
            c.LinearBackward(dn, layer.Key, dk, xn, a.KA, rows, accumulate: true);
            c.LinearBackward(dn, layer.Value, dv, xn, a.VA, rows, accumulate: true);
            c.Release(dq);
            c.Release(dk);
            c.Release(dv);
            c.Release(xn);
            if (below)
                c.Backend.RmsNormBackward(d, layer.AttentionNorm.Gradient, dn, a.X, layer.AttentionNorm.Value, a.Rstd, rows, W, accumulate: true);
            c.Release(dn);
            c.Release(a.X);
            c.Release(a.Rstd);
        }

        if (all)
        {
            var de = c.Drop(d, EmbeddingSite);
            c.Backend.EmbeddingBackward(_model.Embeddings.Words.Gradient, c.Ids, de, c.Rows, W);
            c.ReleaseDropped(de);
        }

        c.Release(d);
    }
}
