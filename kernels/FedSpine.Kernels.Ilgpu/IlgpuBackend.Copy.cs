using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView> CopyLauncher => field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView>(CopyKernel));

    public void Copy(DeviceSpan<float> y, DeviceSpan<float> x)
    {
        RequireLength(y, x.Length);
        if (!y.IsEmpty)
            CopyLauncher(Elements(y.Length), View(y), View(x));
    }

    private static void CopyKernel(FloatView y, FloatView x)
    {
        int i = Grid.GlobalIndex.X;
        if (i < y.IntLength)
            y[i] = x[i];
    }
}
