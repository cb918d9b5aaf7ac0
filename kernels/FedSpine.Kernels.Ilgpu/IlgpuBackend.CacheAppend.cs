using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, IntView, int, int, int, int> CacheAppendLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, IntView, int, int, int, int>(CacheAppendKernel));

    public void CacheAppend(DeviceSpan<float> cache, DeviceSpan<float> x, DeviceSpan<int> positions, int T, in CacheShape shape)
    {
        RequireCache(cache, positions, T, shape);
        RequireLength(x, (long)shape.B * T * shape.KeyValueHeads * shape.HeadSize);
        if (!x.IsEmpty)
            CacheAppendLauncher(Elements(x.Length), View(cache), View(x), View(positions), T, shape.Capacity, shape.KeyValueHeads, shape.HeadSize);
    }

    private static void RequireCache(DeviceSpan<float> cache, DeviceSpan<int> positions, int T, in CacheShape shape)
    {
        if (shape.B < 0 || T < 0 || shape.HeadSize < 1 || shape.KeyValueHeads < 1 || shape.QueryHeads % shape.KeyValueHeads != 0)
            throw new ArgumentException($"a cache of {shape.B} sequences, {T} new tokens, {shape.QueryHeads} query heads on {shape.KeyValueHeads} key-value heads of size {shape.HeadSize}");
        RequireLength(cache, shape.Length);
        RequireLength(positions, shape.B);
    }

    /// <summary>One thread per element of x (B, T, H, D). What does not fit the capacity is not written.</summary>
    private static void CacheAppendKernel(FloatView cache, FloatView x, IntView positions, int T, int capacity, int H, int D)
    {
        int index = Grid.GlobalIndex.X;
        if (index >= x.IntLength)
            return;
        int d = index % D, h = index / D % H, row = index / (D * H);
        int b = row / T, position = positions[b] + row % T;
        if (position >= 0 && position < capacity)
            cache[((b * H + h) * capacity + position) * D + d] = x[index];
    }
}
