using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, IntView, CacheShape> AttentionDecodeLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, IntView, CacheShape>(AttentionDecodeKernel));

    public void AttentionDecode(DeviceSpan<float> o, DeviceSpan<float> q, DeviceSpan<float> kCache, DeviceSpan<float> vCache,
        DeviceSpan<int> positions, in CacheShape shape)
    {
        RequireCache(kCache, positions, 1, shape);
        RequireLength(vCache, kCache.Length);
        RequireLength(q, (long)shape.B * shape.QueryHeads * shape.HeadSize);
        RequireLength(o, q.Length);
        if (!o.IsEmpty)
        {
            AttentionDecodeLauncher(new KernelConfig(shape.B * shape.QueryHeads, _attentionGroup),
                View(o), View(q), View(kCache), View(vCache), View(positions), shape);
        }
    }

    /// <summary>One group per sequence and query head. A position outside the cache is taken as the nearest inside.</summary>
    private static void AttentionDecodeKernel(FloatView o, FloatView q, FloatView k, FloatView v, IntView positions, CacheShape shape)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        var weights = SharedMemory.Allocate<float>(MaxGroup);
        int b = Grid.IdxX / shape.QueryHeads, h = Grid.IdxX % shape.QueryHeads, D = shape.HeadSize;
        int keys = positions[b] + 1;
        keys = keys < 1 ? 1 : keys > shape.Capacity ? shape.Capacity : keys;
        int head = b * shape.KeyValueHeads + h / (shape.QueryHeads / shape.KeyValueHeads);
        AttendRow(o, q, Grid.IdxX * D, k, v, head * shape.Capacity * D, D, keys, D, 1 / MathF.Sqrt(D), shared, weights);
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
                int from = key + start * keyRow + d, i = 0;
                for (; i + 7 < count; i += 8)
                {
                    // Eight reads are on their way before the first is waited for.
                    float v0 = v[from], v1 = v[from + keyRow], v2 = v[from + 2 * keyRow], v3 = v[from + 3 * keyRow];
                    float v4 = v[from + 4 * keyRow], v5 = v[from + 5 * keyRow], v6 = v[from + 6 * keyRow], v7 = v[from + 7 * keyRow];
                    value += weights[i] * v0;
                    value += weights[i + 1] * v1;
                    value += weights[i + 2] * v2;
                    value += weights[i + 3] * v3;
                    value += weights[i + 4] * v4;
                    value += weights[i + 5] * v5;
                    value += weights[i + 6] * v6;
                    value += weights[i + 7] * v7;
                    from += 8 * keyRow;
                }

                for (; i < count; i++, from += keyRow)
                    value += weights[i] * v[from];
                o[at + d] = value;
            }
        }

        for (int d = Group.IdxX; d < D; d += Group.DimX)
            o[at + d] /= sum;
        return max + MathF.Log(sum);
    }

    /// <summary>Sum of x[i] y[i] over D elements from each start, eight reads of y on their way at a time.</summary>
    private static float Dot(FloatView x, int startX, FloatView y, int startY, int D)
    {
        float sum = 0;
        int d = 0;
        for (; d + 7 < D; d += 8)
        {
            int i = startX + d, j = startY + d;
            float y0 = y[j], y1 = y[j + 1], y2 = y[j + 2], y3 = y[j + 3], y4 = y[j + 4], y5 = y[j + 5], y6 = y[j + 6], y7 = y[j + 7];
            sum += x[i] * y0;
            sum += x[i + 1] * y1;
            sum += x[i + 2] * y2;
            sum += x[i + 3] * y3;
            sum += x[i + 4] * y4;
            sum += x[i + 5] * y5;
            sum += x[i + 6] * y6;
            sum += x[i + 7] * y7;
        }

        for (; d < D; d++)
            sum += x[startX + d] * y[startY + d];
        return sum;
    }
}
