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
            AttentionForwardLauncher(new KernelConfig(shape.B * shape.QueryHeads * shape.T, _attentionGroup),
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
        AttentionQueryLauncher(new KernelConfig(shape.B * shape.QueryHeads * shape.T, _attentionGroup), View(dq), saved, View(lengths), Arguments(shape));
        AttentionKeyLauncher(new KernelConfig(shape.B * shape.KeyValueHeads * shape.T, _attentionGroup), View(dk), View(dv), saved, View(lengths), Arguments(shape));
    }

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

    /// <summary>One group per query row (b, h, t).</summary>
    private static void AttentionForwardKernel(FloatView o, FloatView lse, FloatView q, FloatView k, FloatView v, IntView lengths, AttentionArguments s)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        var weights = SharedMemory.Allocate<float>(MaxGroup);
        int t = Grid.IdxX % s.T, h = Grid.IdxX / s.T % s.QueryHeads, b = Grid.IdxX / (s.T * s.QueryHeads);
        int length = LengthOf(lengths, b, s.T);
        int query = ((b * s.T + t) * s.QueryHeads + h) * s.D;
        float logSum = 0;
        if (t < length)
        {
            int key = (b * s.T * s.KeyValueHeads + h / (s.QueryHeads / s.KeyValueHeads)) * s.D;
            int keys = s.Causal != 0 ? t + 1 : length;
            logSum = AttendRow(o, q, query, k, v, key, s.KeyValueHeads * s.D, keys, s.D, s.Scale, shared, weights);
        }
        else
        {
            for (int d = Group.IdxX; d < s.D; d += Group.DimX)
                o[query + d] = 0;
        }

        if (Group.IdxX == 0)
            lse[Grid.IdxX] = logSum;
    }

    /// <summary>
    /// o = softmax(scale q k^T) v for one query, in one pass over its keys: as many at a time as the group has threads, the maximum
    /// and the sum carried along (Milakov and Gimelshein, arXiv 1805.02867). Returns the log-sum-exp. There is at least one key.
    /// </summary>
    /// <param name="at">Where the query lies in q, and its result in o.</param>
    /// <param name="key">Where the first key lies in k, and the first value in v; each next one is keyRow further.</param>
    private static float AttendRow(FloatView o, FloatView q, int at, FloatView k, FloatView v, int key, int keyRow, int keys, int D, float scale,
        FloatView shared, FloatView weights)
    {
        float max = Lowest, sum = 0;
        for (int start = 0; start < keys; start += Group.DimX)
        {
            int j = start + Group.IdxX;
            float score = Lowest;
            if (j < keys)
                score = scale * Dot(q, at, k, key + j * keyRow, D);
            float next = GroupMax(shared, score);
            next = next > max ? next : max;
            float correction = MathF.Exp(max - next);
            float weight = j < keys ? MathF.Exp(score - next) : 0;
            weights[Group.IdxX] = weight;
            sum = sum * correction + GroupSum(shared, weight);
            max = next;
            int count = keys - start < Group.DimX ? keys - start : Group.DimX;
            for (int d = Group.IdxX; d < D; d += Group.DimX)
            {
                float value = 0;
                if (start > 0)
                    value = o[at + d] * correction;
                for (int i = 0; i < count; i++)
                    value += weights[i] * v[key + (start + i) * keyRow + d];
                o[at + d] = value;
            }
        }

        for (int d = Group.IdxX; d < D; d += Group.DimX)
            o[at + d] /= sum;
        return max + MathF.Log(sum);
    }

    /// <summary>dq, one group per query row: p = exp(s - lse), ds = p (do v^T - do o), dq = scale ds k.</summary>
    private static void AttentionQueryKernel(FloatView dq, AttentionSaved x, IntView lengths, AttentionArguments s)
    {
        var slopes = SharedMemory.Allocate<float>(MaxGroup);
        int t = Grid.IdxX % s.T, h = Grid.IdxX / s.T % s.QueryHeads, b = Grid.IdxX / (s.T * s.QueryHeads);
        int length = LengthOf(lengths, b, s.T);
        int query = ((b * s.T + t) * s.QueryHeads + h) * s.D;
        int key = (b * s.T * s.KeyValueHeads + h / (s.QueryHeads / s.KeyValueHeads)) * s.D, keyRow = s.KeyValueHeads * s.D;
        for (int d = Group.IdxX; d < s.D; d += Group.DimX)
            dq[query + d] = 0;
        int keys = t >= length ? 0 : s.Causal != 0 ? t + 1 : length;
        float delta = Dot(x.DO, query, x.O, query, s.D), lse = x.Lse[Grid.IdxX];
        for (int start = 0; start < keys; start += Group.DimX)
        {
            int j = start + Group.IdxX;
            float slope = 0;
            if (j < keys)
            {
                float p = MathF.Exp(s.Scale * Dot(x.Q, query, x.K, key + j * keyRow, s.D) - lse);
                slope = s.Scale * p * (Dot(x.DO, query, x.V, key + j * keyRow, s.D) - delta);
            }

            Group.Barrier();
            slopes[Group.IdxX] = slope;
            Group.Barrier();
            int count = keys - start < Group.DimX ? keys - start : Group.DimX;
            for (int d = Group.IdxX; d < s.D; d += Group.DimX)
            {
                float sum = dq[query + d];
                for (int i = 0; i < count; i++)
                    sum += slopes[i] * x.K[key + (start + i) * keyRow + d];
                dq[query + d] = sum;
            }
        }
    }

    /// <summary>dk and dv, one group per key row (b, g, j): over the query heads on it and the queries that see it, in order.</summary>
    private static void AttentionKeyKernel(FloatView dk, FloatView dv, AttentionSaved x, IntView lengths, AttentionArguments s)
    {
        var slopes = SharedMemory.Allocate<float>(MaxGroup);
        var weights = SharedMemory.Allocate<float>(MaxGroup);
        int j = Grid.IdxX % s.T, g = Grid.IdxX / s.T % s.KeyValueHeads, b = Grid.IdxX / (s.T * s.KeyValueHeads);
        int length = LengthOf(lengths, b, s.T);
        int key = ((b * s.T + j) * s.KeyValueHeads + g) * s.D, group = s.QueryHeads / s.KeyValueHeads;
        for (int d = Group.IdxX; d < s.D; d += Group.DimX)
        {
            dk[key + d] = 0;
            dv[key + d] = 0;
        }

        int first = s.Causal != 0 ? j : 0, last = j < length ? length : 0;
        for (int h = g * group; h < (g + 1) * group; h++)
        {
            for (int start = first; start < last; start += Group.DimX)
            {
                int i = start + Group.IdxX;
                float weight = 0, slope = 0;
                if (i < last)
                {
                    int query = ((b * s.T + i) * s.QueryHeads + h) * s.D;
                    float lse = x.Lse[(b * s.QueryHeads + h) * s.T + i];
                    weight = MathF.Exp(s.Scale * Dot(x.Q, query, x.K, key, s.D) - lse);
                    slope = s.Scale * weight * (Dot(x.DO, query, x.V, key, s.D) - Dot(x.DO, query, x.O, query, s.D));
                }

                Group.Barrier();
                weights[Group.IdxX] = weight;
                slopes[Group.IdxX] = slope;
                Group.Barrier();
                int count = last - start < Group.DimX ? last - start : Group.DimX;
                for (int d = Group.IdxX; d < s.D; d += Group.DimX)
                {
                    float sumK = dk[key + d], sumV = dv[key + d];
                    for (int r = 0; r < count; r++)
                    {
                        int query = ((b * s.T + start + r) * s.QueryHeads + h) * s.D;
                        sumK += slopes[r] * x.Q[query + d];
                        sumV += weights[r] * x.DO[query + d];
                    }

                    dk[key + d] = sumK;
                    dv[key + d] = sumV;
                }
            }
        }
    }

    /// <summary>Sum of x[i] y[i] over D elements from each start.</summary>
    private static float Dot(FloatView x, int startX, FloatView y, int startY, int D)
    {
        float sum = 0;
        for (int d = 0; d < D; d++)
            sum += x[startX + d] * y[startY + d];
        return sum;
    }
}
