using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, int, int, int, float> RopeLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, int, int, int, float>(RopeKernel));

    public void Rope(DeviceSpan<float> x, DeviceSpan<float> table, int B, int T, int H, int D, bool inverse = false)
    {
        RequireLength(x, (long)B * T * H * D);
        if (D % 2 != 0)
            throw new ArgumentException($"D is {D}: rotary pairs need an even head size");
        if (table.Length < (long)T * D)
            throw new ArgumentException($"table has {table.Length} elements, {T} positions of {D} need {(long)T * D}");
        if (!x.IsEmpty)
            RopeLauncher(Elements(x.Length / 2), View(x), View(table), T, H, D, inverse ? -1 : 1);
    }

    /// <summary>One thread per pair: (a, b) -> (a cos - b sin, b cos + a sin), a = x[i], b = x[i + D/2]; the inverse negates the sine.</summary>
    private static void RopeKernel(FloatView x, FloatView table, int T, int H, int D, float sign)
    {
        int index = Grid.GlobalIndex.X, half = D / 2;
        if (index >= x.IntLength / 2)
            return;
        int head = index / half, i = index % half, position = head / H % T;
        float cos = table[position * D + i], sin = sign * table[position * D + half + i];
        int at = head * D + i;
        float a = x[at], b = x[at + half];
        x[at] = a * cos - b * sin;
        x[at + half] = b * cos + a * sin;
    }
}
