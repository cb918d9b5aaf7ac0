using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, ulong, uint, float> DropoutLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, ulong, uint, float>(DropoutKernel));

    public void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed)
    {
        RequireLength(x, y.Length);
        if (!(rate >= 0 && rate < 1))
            throw new ArgumentException($"rate is {rate}, outside [0, 1)");
        if (!y.IsEmpty)
            DropoutLauncher(Elements(y.Length), View(y), View(x), CounterHash.Mix(seed), (uint)(rate * 4294967296.0), 1 / (1 - rate));
    }

    /// <summary>Element i takes half a draw, as on the host: the low 32 bits of draw i / 2 where i is even, the high ones where it is odd.</summary>
    private static void DropoutKernel(FloatView y, FloatView x, ulong key, uint drop, float scale)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= y.IntLength)
            return;
        ulong draw = CounterHash.Draw(key, i >> 1);
        uint half = (uint)(i % 2 == 0 ? draw : draw >> 32);
        y[i] = half < drop ? 0 : x[i] * scale;
    }
}
