using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// What one forward (and backward) pass over one batch runs with: the backend and workspace, the batch on the device, and what
/// must be kept. One instance serves every step; the same pass code runs with a recording backend to plan and price the step.
/// </summary>
internal sealed class PassContext
{
    public required IComputeBackend Backend { get; set; }

    public required Workspace Workspace { get; set; }

    public IStepObserver? Observer { get; set; }

    /// <summary>Layers below this one keep nothing for a backward pass; the layer count: inference.</summary>
    public int FirstTrainedLayer { get; set; }

    /// <summary>Index of the last layer. Its backward pass follows its forward pass at once, so that it never recomputes.</summary>
    public int LastLayer { get; init; }

    /// <summary>What the layers but the last recompute.</summary>
    public Recompute Recompute { get; set; }

    /// <summary>Dropout rate; 0 at inference.</summary>
    public float Dropout { get; set; }

    /// <summary>Differs per step and micro-batch.</summary>
    public ulong Seed { get; set; }

    /// <summary>Where keys and values of the batch are kept; <c>default</c>: nowhere.</summary>
    public CachedRows Cached { get; set; }

    public int B { get; set; }

    public int T { get; set; }

    /// <summary>How the batch's sequences lie in the rows; as (B, T) with a cache and where logits of every position are asked for.</summary>
    public required SequenceRows Sequences { get; init; }

    /// <summary>R.</summary>
    public int Rows => Sequences.Rows;

    /// <summary>
    /// Whether the last layer computes only the head's rows once its attention is done: the others reach nothing. So where one row of each
    /// sequence is wanted, by classification or as the next token's.
    /// </summary>
    public bool NarrowsLast { get; set; }

    /// <summary>The head's rows as sequences of one; where the last layer is narrow.</summary>
    public required SequenceRows HeadSequences { get; init; }

    /// <summary>Rows of the layer behind its attention: R, or M where it is narrow.</summary>
    public int RowsBehindAttention(int layer) => SequencesBehindAttention(layer).Rows;

    public SequenceRows SequencesBehindAttention(int layer) => IsNarrow(layer) ? HeadSequences : Sequences;

    public bool IsNarrow(int layer) => NarrowsLast && layer == LastLayer;

    /// <summary>M, rows that the head computes.</summary>
    public int HeadRowCount { get; set; }

    public DeviceSpan<int> Ids { get; set; }       // (R)

    public DeviceSpan<int> Types { get; set; }     // (R), encoders

    public DeviceSpan<int> Positions { get; set; } // (R), encoders; (B) of the first token, decoders with a cache

    public DeviceSpan<int> HeadRows { get; set; }  // (M) indices into the rows

    public DeviceSpan<int> Targets { get; set; }   // (M) class or token ids

    /// <summary>Whether the layer has a backward pass: what is dear in little memory is kept for it, its input above all.</summary>
    public bool Keeps(int layer) => layer >= FirstTrainedLayer;

    /// <summary>Whether everything between the layer's input and the feed-forward activation is kept, but for attention.</summary>
    public bool KeepsInside(int layer) => Keeps(layer) && RecomputeOf(layer) != Recompute.Full;

    /// <summary>Whether also q, k, v, the attention's output and what they come from are kept.</summary>
    public bool KeepsAttention(int layer) => Keeps(layer) && RecomputeOf(layer) == Recompute.None;

    /// <summary>What the layer's backward pass computes again before it begins.</summary>
    public Recompute RecomputeOf(int layer) => layer == LastLayer ? Recompute.None : Recompute;

    public DeviceSpan<float> Rent(int length) => Workspace.Rent<float>(length);

    public void Release(DeviceSpan<float> buffer) => Workspace.Release(buffer);

    /// <summary>The head's rows (M, columns) of x (R, columns) in a new buffer.</summary>
    public DeviceSpan<float> HeadRowsOf(DeviceSpan<float> x, int columns)
    {
        var y = Rent(HeadRowCount * columns);
        Backend.GatherRows(y, x, HeadRows, columns);
        return y;
    }

    /// <summary>(R, columns) with d (M, columns), which it releases, in the head's rows and 0 elsewhere, in a new buffer.</summary>
    public DeviceSpan<float> SpreadHeadRows(DeviceSpan<float> d, int columns)
    {
        var y = Rent(Rows * columns);
        Backend.Fill(y, 0);
        Backend.EmbeddingBackward(y, HeadRows, d, HeadRowCount, columns); // scatter: rows are distinct
        Release(d);
        return y;
    }

    /// <summary>Ends a buffer's lifetime unless the layer's backward pass needs it.</summary>
    public void ReleaseUnless(bool kept, DeviceSpan<float> buffer)
    {
        if (!kept)
            Workspace.Release(buffer);
    }

    /// <summary>y (rows, Out) in a new buffer; xa (rows, Rank) may be kept for the backward pass, absent without an adapter.</summary>
    public DeviceSpan<float> Linear(Linear w, DeviceSpan<float> x, int rows, bool keep, out DeviceSpan<float> xa)
    {
        var y = Rent(rows * w.Out);
        xa = w.Rank > 0 ? Rent(rows * w.Rank) : default;
        Backend.LinearForward(y, xa, x, w.Operands, rows);
        ReleaseUnless(keep, xa);
        return y;
    }

    /// <summary>Adds to the gradients of <paramref name="w"/> and forms dx (rows, In) unless absent; ends the life of xa.</summary>
    public void LinearBackward(DeviceSpan<float> dx, Linear w, DeviceSpan<float> dy, DeviceSpan<float> x, DeviceSpan<float> xa, int rows,
        bool accumulate = false)
    {
        var dyb = w.Rank > 0 ? Rent(rows * w.Rank) : default;
        Backend.LinearBackward(dx, w.Gradients, dyb, dy, x, xa, w.Operands, rows, accumulate);
        Release(dyb);
        Release(xa);
    }

    /// <summary>o (R, QH*D) and lse (R, QH) of every sequence by itself.</summary>
    public void AttentionForward(DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v, in LayerSpec l, bool causal)
    {
        var s = Sequences;
        foreach (var run in s.Runs)
        {
            Backend.AttentionForward(s.Of(run, o), s.Of(run, lse), s.Of(run, q), s.Of(run, k), s.Of(run, v), s.LengthsOf(run),
                new AttentionShape(run.Sequences, run.Length, l.QueryHeads, l.KeyValueHeads, l.HeadSize, causal));
        }
    }

    /// <summary>dq (R, QH*D), dk and dv (R, KVH*D).</summary>
    public void AttentionBackward(DeviceSpan<float> dq, DeviceSpan<float> dk, DeviceSpan<float> dv, DeviceSpan<float> d_o, DeviceSpan<float> q,
        DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<float> o, DeviceSpan<float> lse, in LayerSpec l, bool causal)
    {
        var s = Sequences;
        foreach (var run in s.Runs)
        {
            Backend.AttentionBackward(s.Of(run, dq), s.Of(run, dk), s.Of(run, dv), s.Of(run, d_o), s.Of(run, q), s.Of(run, k), s.Of(run, v), s.Of(run, o),
                s.Of(run, lse), s.LengthsOf(run), new AttentionShape(run.Sequences, run.Length, l.QueryHeads, l.KeyValueHeads, l.HeadSize, causal));
        }
    }

    /// <summary>Dropout in place; nothing when the rate is 0. A site is a place in the model: every site draws its own mask.</summary>
    public void DropInPlace(DeviceSpan<float> x, int site)
    {
        if (Dropout > 0)
            Backend.Dropout(x, x, Dropout, DeterministicRandom.Mix(Seed, (ulong)site));
    }

    /// <summary>
    /// Dropout of x with the site's mask: x itself when the rate is 0, else a new buffer. The backward pass is the same call on dy.
    /// </summary>
    public DeviceSpan<float> Drop(DeviceSpan<float> x, int site)
    {
        if (Dropout == 0)
            return x;
        var y = Rent(x.Length);
        Backend.Dropout(y, x, Dropout, DeterministicRandom.Mix(Seed, (ulong)site));
        return y;
    }

    /// <summary>Releases what <see cref="Drop"/> made, if anything.</summary>
    public void ReleaseDropped(DeviceSpan<float> y)
    {
        if (Dropout > 0)
            Release(y);
    }

    /// <summary>u (rows, Out) and h = activation(u); h may be u, of which only h is then left.</summary>
    public void LinearActivated(Activation activation, DeviceSpan<float> h, DeviceSpan<float> u, DeviceSpan<float> xa, DeviceSpan<float> x, Linear w, int rows)
    {
        switch (activation)
        {
            case Activation.Gelu: Backend.LinearForward<Gelu>(h, u, xa, x, w.Operands, rows); break;
            case Activation.GeluTanh: Backend.LinearForward<GeluTanh>(h, u, xa, x, w.Operands, rows); break;
            case Activation.Relu: Backend.LinearForward<Relu>(h, u, xa, x, w.Operands, rows); break;
            default: Backend.LinearForward<Silu>(h, u, xa, x, w.Operands, rows); break;
        }
    }

    public void Activate(Activation activation, DeviceSpan<float> y, DeviceSpan<float> x)
    {
        switch (activation)
        {
            case Activation.Gelu: Backend.Map<Gelu>(y, x); break;
            case Activation.GeluTanh: Backend.Map<GeluTanh>(y, x); break;
            case Activation.Relu: Backend.Map<Relu>(y, x); break;
            default: Backend.Map<Silu>(y, x); break;
        }
    }

    /// <summary>dx from x and dy; dx may be dy.</summary>
    public void ActivateBackward(Activation activation, DeviceSpan<float> dx, DeviceSpan<float> x, DeviceSpan<float> dy)
    {
        switch (activation)
        {
            case Activation.Gelu: Backend.Map<GeluBackward>(dx, x, dy); break;
            case Activation.GeluTanh: Backend.Map<GeluTanhBackward>(dx, x, dy); break;
            case Activation.Relu: Backend.Map<ReluBackward>(dx, x, dy); break;
            default: Backend.Map<SiluBackward>(dx, x, dy); break;
        }
    }
}
