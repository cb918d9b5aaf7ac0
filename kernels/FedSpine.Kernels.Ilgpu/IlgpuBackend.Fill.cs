using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, float> FillLauncher => field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, float>(FillKernel));

    public void Fill(DeviceSpan<float> y, float value)
    {
        if (!y.IsEmpty)
            FillLauncher(Elements(y.Length), View(y), value);
    }

    private static void FillKernel(FloatView y, float value)
    {
        int i = Grid.GlobalIndex.X;
        if (i < y.IntLength)
            y[i] = value;
    }
}
