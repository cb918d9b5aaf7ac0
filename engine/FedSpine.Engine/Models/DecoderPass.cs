using FedSpine.Kernels;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// LLaMA, Mistral, Qwen2: pre-norm blocks, x1 = x + o_proj(attention(rope(q, k), v)) with q, k, v of RMSNorm(x), and
/// x2 = x1 + down(silu(gate) * up) with gate, up of RMSNorm(x1). The final norm belongs to the head.
/// </summary>
internal sealed partial class DecoderPass : TransformerPass
{
    private readonly Model _model;
    private readonly RopeTables _rope;
    private readonly Activations[] _activations;

    /// <summary>What one block keeps.</summary>
    private struct Activations
    {
        public DeviceSpan<float> X;     // (R, W) input
        public DeviceSpan<float> Rstd;  // (R) of RMSNorm(x)
        public DeviceSpan<float> Q;     // (R, QH*D), rotated
        public DeviceSpan<float> K;     // (R, KVH*D), rotated
        public DeviceSpan<float> V;     // (R, KVH*D)
        public DeviceSpan<float> O;     // (R, QH*D)
        public DeviceSpan<float> Heads; // o, or the head's rows of it (M, QH*D) in a narrow layer, where R is M from here on
        public DeviceSpan<float> Lse;   // (R, QH), by head
        public DeviceSpan<float> X1;    // (R, W) after attention
        public DeviceSpan<float> Rstd1; // (R) of RMSNorm(x1)
        public DeviceSpan<float> Gate;  // (R, F)
        public DeviceSpan<float> Up;    // (R, F)
        public DeviceSpan<float> QA, KA, VA, OA, GA, UA, HA; // (R, r) x A^T of q, k, v, o, gate, up, down
    }

    /// <exception cref="InputException">The gate is not SiLU.</exception>
    public DecoderPass(Model model, int maxT)
    {
        if (model.Spec.Activation != Activation.Silu)
            throw new InputException($"a {model.Spec.Family} model with a {model.Spec.Activation} gate (hidden_act): only silu is supported");
        _model = model;
        _activations = new Activations[model.Layers.Count];
        _rope = new RopeTables(model, maxT);
    }

    public override DeviceSpan<float> Forward(PassContext c)
    {
        int rows = c.Rows, W = _model.Spec.Width;
        var x = c.Rent(rows * W);                                                           // (R, W)
        c.Backend.EmbeddingForward(x, c.Ids, _model.Embeddings.Words.Weight, rows, W);
        c.DropInPlace(x, EmbeddingSite);
        _rope.Begin(c);
        DeviceSpan<float> x1 = default; // what the next norm adds to x: a.X1 of the layer before
        for (int l = 0; l < _activations.Length; l++)
        {
            var layer = _model.Layers[l];
            ref var a = ref _activations[l];

            a.X = x;
            AttentionForward(c, l, x1, c.KeepsAttention(l));
            if (l > 0)
                c.ReleaseUnless(c.KeepsInside(l - 1), x1);
            if (c.IsNarrow(l))
            {
                a.Heads = c.HeadRowsOf(a.O, layer.Spec.QuerySize);
                c.ReleaseUnless(c.KeepsAttention(l), a.O);
                x = c.HeadRowsOf(a.X, W);
                c.ReleaseUnless(c.Keeps(l), a.X);
            }

            OutputForward(c, l, c.KeepsInside(l));

            // Feed-forward
            var h = GateForward(c, l, x, c.KeepsInside(l));                                 // (R, F)
            c.Observer?.OnForward(c.Backend, c.Workspace, l, a.Heads, h, c.SequencesBehindAttention(l));
            c.ReleaseUnless(c.KeepsAttention(l), a.Heads);
            x = c.Linear(layer.Down, h, c.RowsBehindAttention(l), c.Keeps(l), out a.HA);    // (R, W)
            c.Release(h);
            c.DropInPlace(x, FfnSite(l));
            x1 = a.X1;
        }

        c.Backend.Map<Add>(x, x, x1); // the head norms a few rows only
        c.ReleaseUnless(c.KeepsInside(_activations.Length - 1), x1);
        return x;
    }

    /// <summary>a.Rstd, a.Q, a.K, a.V, a.O and a.Lse from a.X, to which the residual is added first if there is one; a.O lives on in any case.</summary>
    private void AttentionForward(PassContext c, int l, DeviceSpan<float> residual, bool keep)
    {
        int rows = c.Rows;
        var layer = _model.Layers[l];
        var shape = layer.Spec;
        ref var a = ref _activations[l];
        a.Rstd = c.Rent(rows);
        var xn = Norm(c, a.X, a.Rstd, layer.AttentionNorm, rows, residual);                 // (R, W)
        c.ReleaseUnless(keep, a.Rstd);
        a.Q = c.Linear(layer.Query, xn, rows, keep, out a.QA);                              // (R, QH*D)
        a.K = c.Linear(layer.Key, xn, rows, keep, out a.KA);                                // (R, KVH*D)
        a.V = c.Linear(layer.Value, xn, rows, keep, out a.VA);                              // (R, KVH*D)
        c.Release(xn);
        _rope.Rotate(c, a.Q, l, shape.QueryHeads);
        _rope.Rotate(c, a.K, l, shape.KeyValueHeads);
        a.O = a.Heads = c.Rent(rows * shape.QuerySize);                                     // (R, QH*D)
        a.Lse = c.Rent(rows * shape.QueryHeads);                                            // (R, QH), by head
        Attend(c, l, a);
        c.ReleaseUnless(keep, a.Q);
        c.ReleaseUnless(keep, a.K);
        c.ReleaseUnless(keep, a.V);
        c.ReleaseUnless(keep, a.Lse);
    }

    /// <summary>a.X1 (R, W) = dropout(o_proj(a.Heads)), which lives on in any case; <see cref="GateForward"/> adds the layer's input to it.</summary>
    private void OutputForward(PassContext c, int l, bool keep)
    {
        ref var a = ref _activations[l];
        a.X1 = c.Linear(_model.Layers[l].Output, a.Heads, c.RowsBehindAttention(l), keep, out a.OA);
        c.DropInPlace(a.X1, AttentionSite(l));
    }

    /// <summary>h (R, F) = silu(gate(xn1)) * up(xn1) in a new buffer, xn1 the norm of a.X1 += x; x, a.Rstd1, a.Gate and a.Up may be kept.</summary>
    private DeviceSpan<float> GateForward(PassContext c, int l, DeviceSpan<float> x, bool keep)
    {
        int rows = c.RowsBehindAttention(l);
        var layer = _model.Layers[l];
        ref var a = ref _activations[l];
        a.Rstd1 = c.Rent(rows);
        var xn1 = Norm(c, a.X1, a.Rstd1, layer.FfnNorm, rows, x);                           // (R, W)
        c.ReleaseUnless(keep, a.Rstd1);
        c.ReleaseUnless(c.Keeps(l) && !c.IsNarrow(l), x);
        a.Gate = c.Linear(layer.Gate!, xn1, rows, keep, out a.GA);                          // (R, F)
        a.Up = c.Rent(rows * layer.Spec.FfnWidth);                                          // (R, F)
        a.UA = layer.Up.Rank > 0 ? c.Rent(rows * layer.Up.Rank) : default;                  // (R, r)
        var h = keep ? c.Rent(rows * layer.Spec.FfnWidth) : a.Up;
        c.Backend.LinearForward<SwiGlu>(h, a.Gate, a.Up, a.UA, xn1, layer.Up.Operands, rows);
        c.Release(xn1);
        c.ReleaseUnless(keep, a.UA);
        c.ReleaseUnless(keep, a.Gate);
        return h;
    }

    public override void Dispose() => _rope.Dispose();

    /// <summary>
    /// x += residual, if there is one, and y (R, W) = RMSNorm(x) in a new buffer; the backward pass calls it again instead of keeping y.
    /// </summary>
    private DeviceSpan<float> Norm(PassContext c, DeviceSpan<float> x, DeviceSpan<float> rstd, Parameter weight, int rows, DeviceSpan<float> residual = default)
    {
        var y = c.Rent(x.Length);
        if (residual.IsEmpty)
            c.Backend.RmsNormForward(y, rstd, x, weight.Value, rows, _model.Spec.Width, _model.Spec.NormEpsilon);
        else
            c.Backend.AddRmsNormForward(y, rstd, x, residual, weight.Value, rows, _model.Spec.Width, _model.Spec.NormEpsilon);
        return y;
    }

    /// <summary>a.O and a.Lse from a.Q, a.K and a.V; with a cache, keys and values go there, and those of earlier tokens are read there.</summary>
    private void Attend(PassContext c, int l, in Activations a)
    {
        var cached = c.Cached;
        if (cached.Cache is not null)
        {
            var (keys, values, shape) = cached.Cache.Layer(l, cached.First, c.B);
            c.Backend.CacheAppend(keys, a.K, c.Positions, c.T, shape);
            c.Backend.CacheAppend(values, a.V, c.Positions, c.T, shape);
            if (cached.Continues)
            {
                c.Backend.AttentionDecode(a.O, a.Q, keys, values, c.Positions, shape);
                return;
            }
        }

        c.AttentionForward(a.O, a.Lse, a.Q, a.K, a.V, _model.Spec.Layers[l], causal: true);
    }
}
