using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// RoBERTa and BERT: summed embeddings and a norm, then post-norm blocks,
/// x1 = LN(x + o_proj(attention(x))), x2 = LN(x1 + down(act(up(x1)))).
/// </summary>
internal sealed partial class EncoderPass(Model model) : TransformerPass
{
    private readonly Activations[] _activations = new Activations[model.Layers.Count];
    private NormInput _embedding;

    /// <summary>A norm's input with its row statistics, from which its output is recomputed.</summary>
    private struct NormInput
    {
        public DeviceSpan<float> Sum;  // (R, W)
        public DeviceSpan<float> Mean; // (R)
        public DeviceSpan<float> Rstd; // (R)
    }

    /// <summary>What one block keeps.</summary>
    private struct Activations
    {
        public DeviceSpan<float> Q;      // (R, QH*D)
        public DeviceSpan<float> K;      // (R, KVH*D)
        public DeviceSpan<float> V;      // (R, KVH*D)
        public DeviceSpan<float> O;      // (R, QH*D)
        public DeviceSpan<float> Heads;  // o, or the head's rows of it (M, QH*D) in a narrow layer, where R is M from here on
        public DeviceSpan<float> Lse;    // (R, QH), by head
        public NormInput Attention;      // x + o_proj(o)
        public DeviceSpan<float> U;      // (R, F) before the activation
        public NormInput Ffn;            // x1 + down(h)
        public DeviceSpan<float> QA, KA, VA, OA, UA, HA; // (R, r) x A^T of q, k, v, o, up, down
    }

    public override DeviceSpan<float> Forward(PassContext c)
    {
        var x = Embed(c);
        for (int l = 0; l < _activations.Length; l++)
        {
            var layer = model.Layers[l];
            int rows = c.RowsBehindAttention(l);
            ref var a = ref _activations[l];
            AttentionForward(c, l, x, c.KeepsAttention(l));
            if (c.IsNarrow(l))
            {
                a.Heads = c.HeadRowsOf(a.O, layer.Spec.QuerySize);
                var picked = c.HeadRowsOf(x, model.Spec.Width);
                c.Release(x);
                c.ReleaseUnless(c.KeepsAttention(l), a.O);
                x = picked;
            }

            var x1 = OutputForward(c, l, x, c.KeepsInside(l));                              // (R, W)
            c.Release(x);

            // Feed-forward
            var h = UpForward(c, l, x1, c.KeepsInside(l));                                  // (R, F)
            c.Observer?.OnForward(c.Backend, c.Workspace, l, a.Heads, h, c.SequencesBehindAttention(l));
            c.ReleaseUnless(c.KeepsAttention(l), a.Heads);
            a.Ffn.Sum = c.Linear(layer.Down, h, rows, c.Keeps(l), out a.HA);                // (R, W)
            c.Release(h);
            c.DropInPlace(a.Ffn.Sum, FfnSite(l));
            x = NormForward(c, ref a.Ffn, x1, layer.FfnNorm, layer.FfnNormBias, rows, c.Keeps(l + 1)); // (R, W), input of the next layer
            c.Release(x1);
        }

        return x;
    }

    /// <summary>a.Q, a.K, a.V, a.O and a.Lse from the layer's input x; a.O lives on in any case.</summary>
    private void AttentionForward(PassContext c, int l, DeviceSpan<float> x, bool keep)
    {
        int rows = c.Rows;
        var layer = model.Layers[l];
        ref var a = ref _activations[l];
        a.Q = c.Linear(layer.Query, x, rows, keep, out a.QA);                               // (R, QH*D)
        a.K = c.Linear(layer.Key, x, rows, keep, out a.KA);                                 // (R, KVH*D)
        a.V = c.Linear(layer.Value, x, rows, keep, out a.VA);                               // (R, KVH*D)
        a.O = a.Heads = c.Rent(rows * layer.Spec.QuerySize);                                // (R, QH*D)
        a.Lse = c.Rent(rows * layer.Spec.QueryHeads);                                       // (R, QH), by head
        c.AttentionForward(a.O, a.Lse, a.Q, a.K, a.V, layer.Spec, causal: false);
        c.ReleaseUnless(keep, a.Q);
        c.ReleaseUnless(keep, a.K);
        c.ReleaseUnless(keep, a.V);
        c.ReleaseUnless(keep, a.Lse);
    }

    /// <summary>x1 (R, W) = LN(x + dropout(o_proj(a.Heads))) in a new buffer.</summary>
    private DeviceSpan<float> OutputForward(PassContext c, int l, DeviceSpan<float> x, bool keep)
    {
        var layer = model.Layers[l];
        ref var a = ref _activations[l];
        int rows = c.RowsBehindAttention(l);
        a.Attention.Sum = c.Linear(layer.Output, a.Heads, rows, keep, out a.OA);            // (R, W)
        c.DropInPlace(a.Attention.Sum, AttentionSite(l));
        return NormForward(c, ref a.Attention, x, layer.AttentionNorm, layer.AttentionNormBias, rows, keep);
    }

    /// <summary>h (R, F) = act(up(x1)) in a new buffer; a.U and a.UA may be kept.</summary>
    private DeviceSpan<float> UpForward(PassContext c, int l, DeviceSpan<float> x1, bool keep)
    {
        var up = model.Layers[l].Up;
        int rows = c.RowsBehindAttention(l);
        ref var a = ref _activations[l];
        a.U = c.Rent(rows * up.Out);
        a.UA = up.Rank > 0 ? c.Rent(rows * up.Rank) : default;
        var h = keep ? c.Rent(rows * up.Out) : a.U;
        c.LinearActivated(model.Spec.Activation, h, a.U, a.UA, x1, up, rows);
        c.ReleaseUnless(keep, a.UA);
        return h;
    }

    /// <summary>x (R, W) = dropout(LN(words[ids] + positions[t] + types[type])).</summary>
    private DeviceSpan<float> Embed(PassContext c)
    {
        int rows = c.Rows, W = model.Spec.Width;
        var e = model.Embeddings;
        _embedding.Sum = c.Rent(rows * W);
        c.Backend.EmbeddingForward(_embedding.Sum, c.Ids, e.Words.Weight, rows, W);
        c.Backend.EmbeddingForward(_embedding.Sum, c.Positions, e.Positions!.Value, rows, W, accumulate: true);
        c.Backend.EmbeddingForward(_embedding.Sum, c.Types, e.Types!.Value, rows, W, accumulate: true);
        var x = NormForward(c, ref _embedding, default, e.Norm!, e.NormBias, rows, c.Keeps(0));
        c.DropInPlace(x, EmbeddingSite);
        return x;
    }

    /// <summary>sum += residual, if there is one, and y (R, W) = LN(sum) in a new buffer; sum and statistics may be kept.</summary>
    private DeviceSpan<float> NormForward(PassContext c, ref NormInput input, DeviceSpan<float> residual, Parameter weight, Parameter? bias, int rows, bool keep)
    {
        int W = model.Spec.Width;
        input.Mean = c.Rent(rows);
        input.Rstd = c.Rent(rows);
        var y = c.Rent(rows * W);
        if (residual.IsEmpty)
            c.Backend.LayerNormForward(y, input.Mean, input.Rstd, input.Sum, weight.Value, bias!.Value, rows, W, model.Spec.NormEpsilon);
        else
            c.Backend.AddLayerNormForward(y, input.Mean, input.Rstd, input.Sum, residual, weight.Value, bias!.Value, rows, W, model.Spec.NormEpsilon);
        if (!keep)
            Release(c, input);
        return y;
    }

    private static void Release(PassContext c, in NormInput input)
    {
        c.Release(input.Sum);
        c.Release(input.Mean);
        c.Release(input.Rstd);
    }
}
