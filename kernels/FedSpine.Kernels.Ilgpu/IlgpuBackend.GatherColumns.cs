using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, IntView, int> GatherColumnsLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, IntView, int>(GatherColumnsKernel));

    public void GatherColumns(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> columns, int M, int D)
    {
        RequireLength(y, (long)M * columns.Length);
        RequireLength(x, (long)M * D);
        if (!y.IsEmpty)
            GatherColumnsLauncher(Elements(y.Length), View(y), View(x), View(columns), D);
    }

    /// <summary>One thread per element of y. A column outside x gives NaN.</summary>
    private static void GatherColumnsKernel(FloatView y, FloatView x, IntView columns, int D)
    {
        int i = Grid.GlobalIndex.X, count = columns.IntLength;
        if (i >= y.IntLength)
            return;
        int column = columns[i % count];
        float value = float.NaN;
        if (column >= 0 && column < D)
            value = x[i / count * D + column];
        y[i] = value;
    }
}
