using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, FloatView, IntView, AttentionArguments> AttentionForwardLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, FloatView, IntView, AttentionArguments>(AttentionForwardKernel));

    private Action<KernelConfig, FloatView, AttentionSaved, IntView, AttentionArguments> AttentionQueryLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, AttentionSaved, IntView, AttentionArguments>(AttentionQueryKernel));

    private Action<KernelConfig, FloatView, FloatView, AttentionSaved, IntView, AttentionArguments> AttentionKeyLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, AttentionSaved, IntView, AttentionArguments>(AttentionKeyKernel));

    internal struct AttentionArguments
    {
        public int T;
        public int QueryHeads;
        public int KeyValueHeads;
        public int D;
        public int Causal;
        public float Scale;
    }

    /// <summary>What the backward pass reads.</summary>
    internal struct AttentionSaved
    {
        public FloatView DO;
        public FloatView Q;
        public FloatView K;
        public FloatView V;
        public FloatView O;
        public FloatView Lse;
    }

    public void AttentionForward(DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v,
        DeviceSpan<int> lengths, in AttentionShape shape)
    {
        RequireAttention(q, k, v, lengths, shape);
        RequireLength(o, q.Length);
        RequireLength(lse, (long)shape.B * shape.QueryHeads * shape.T);
        if (!o.IsEmpty)
        {
            AttentionForwardLauncher(AttentionGroups(shape, shape.QueryHeads),
                View(o), View(lse), View(q), View(k), View(v), View(lengths), Arguments(shape));
        }
    }

    public void AttentionBackward(DeviceSpan<float> dq, DeviceSpan<float> dk, DeviceSpan<float> dv, DeviceSpan<float> d_o, DeviceSpan<float> q,
        DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<int> lengths, in AttentionShape shape)
    {
        RequireAttention(q, k, v, lengths, shape);
        RequireLength(dq, q.Length);
        RequireLength(dk, k.Length);
        RequireLength(dv, v.Length);
        RequireLength(d_o, q.Length);
        RequireLength(o, q.Length);
        RequireLength(lse, (long)shape.B * shape.QueryHeads * shape.T);
        if (dq.IsEmpty)
            return;
        var saved = new AttentionSaved { DO = View(d_o), Q = View(q), K = View(k), V = View(v), O = View(o), Lse = View(lse) };
        AttentionQueryLauncher(AttentionGroups(shape, shape.QueryHeads), View(dq), saved, View(lengths), Arguments(shape));
        AttentionKeyLauncher(AttentionGroups(shape, shape.KeyValueHeads), View(dk), View(dv), saved, View(lengths), Arguments(shape));
    }

    /// <summary>One group for every <see cref="AttentionRows"/> positions of a sequence and head.</summary>
    private KernelConfig AttentionGroups(in AttentionShape shape, int heads) => new(shape.B * heads * ((shape.T + AttentionRows - 1) / AttentionRows), _attentionGroup);

    private static AttentionArguments Arguments(in AttentionShape shape) => new()
    {
        T = shape.T, QueryHeads = shape.QueryHeads, KeyValueHeads = shape.KeyValueHeads, D = shape.HeadSize,
        Causal = shape.Causal ? 1 : 0, Scale = 1 / MathF.Sqrt(shape.HeadSize),
    };

    private static void RequireAttention(DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<int> lengths, in AttentionShape shape)
    {
        if (shape.B < 0 || shape.T < 0 || shape.HeadSize < 1 || shape.KeyValueHeads < 1 || shape.QueryHeads % shape.KeyValueHeads != 0)
            throw new ArgumentException($"attention over {shape.B} x {shape.T} positions, {shape.QueryHeads} query heads on {shape.KeyValueHeads} key-value heads of size {shape.HeadSize}");
        RequireLength(q, (long)shape.B * shape.T * shape.QueryHeads * shape.HeadSize);
        RequireLength(k, (long)shape.B * shape.T * shape.KeyValueHeads * shape.HeadSize);
        RequireLength(v, k.Length);
        RequireLength(lengths, shape.B);
    }

    /// <summary>
    /// o = softmax(scale q k^T) v for eight queries of a sequence and head, in one pass over the keys: as many at a time as the group has threads, one a thread,
    /// with maxima and sums carried along (Milakov and Gimelshein, arXiv 1805.02867). Keys and values are read once for the eight.
    /// </summary>
    private static void AttentionForwardKernel(FloatView o, FloatView lse, FloatView q, FloatView k, FloatView v, IntView lengths, AttentionArguments s)
    {
        var tileX = SharedMemory.Allocate<float>(AttentionRows * AttentionDepth).AsAligned(16);
        var tileY = SharedMemory.Allocate<float>(AttentionTileY);
        var shared = SharedMemory.Allocate<float>(AttentionRows * MaxAttentionGroup).AsAligned(16).Cast<Eight>();
        var weights = SharedMemory.Allocate<float>(AttentionRows * MaxAttentionGroup).AsAligned(16).Cast<Eight>();
        var at = AttentionPlace.Of(s, s.QueryHeads);
        int length = LengthOf(lengths, at.B, s.T), keys = at.Keys(s, length);
        var queries = at.Rows(s, s.QueryHeads);
        var keyRows = at.KeyRows(s, keys);
        Eight max = Eight.All(Lowest), sum = default;
        for (int start = 0; start < keys; start += Group.DimX)
        {
            int j = start + Group.IdxX;
            Eight sees = at.Sees(s, length, j);
            Eight score = Eight.Select(sees, Eight.Times(s.Scale, Dots(tileX, tileY, q, queries, k, keyRows, start, s.D)), Lowest);
            Eight next = Eight.Max(max, GroupMax(shared, score));
            Eight correction = Eight.Exp(Eight.Less(max, next));
            Eight weight = Eight.Select(sees, Eight.Exp(Eight.Less(score, next)), 0);
            weights[Group.IdxX] = weight;
            sum = Eight.Plus(Eight.Times(sum, correction), GroupSum(shared, weight));
            max = next;
            for (int d = Group.IdxX; d < s.D; d += Group.DimX)
            {
                Eight value = default;
                if (start > 0)
                    value = Eight.Times(queries.Column(o, d), correction);
                queries.Store(o, d, AddWeighted(value, weights, v, keyRows, start, d));
            }
        }

        Eight seen = at.Sees(s, length, 0); // every query within the sequence sees the first key
        for (int d = Group.IdxX; d < s.D; d += Group.DimX)
        {
            Eight value = default;
            if (keys > 0)
                value = queries.Column(o, d);
            queries.Store(o, d, Eight.Select(seen, Eight.Over(value, sum), 0));
        }

        if (Group.IdxX == 0)
            at.Row(s, s.QueryHeads).Store(lse, 0, Eight.Select(seen, Eight.Plus(max, Eight.Log(sum)), 0));
    }
}
