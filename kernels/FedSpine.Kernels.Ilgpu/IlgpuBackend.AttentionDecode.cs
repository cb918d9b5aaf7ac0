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
}
