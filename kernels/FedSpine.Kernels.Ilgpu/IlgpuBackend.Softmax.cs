using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, int> SoftmaxLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, int>(SoftmaxKernel));

    public void Softmax(DeviceSpan<float> y, DeviceSpan<float> x, int rows, int C)
    {
        RequireLength(y, (long)rows * C);
        RequireLength(x, (long)rows * C);
        if (!y.IsEmpty)
            SoftmaxLauncher(Rows(rows), View(y), View(x), C);
    }

    private static void SoftmaxKernel(FloatView y, FloatView x, int C)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int start = Grid.IdxX * C;
        float max = RowMaximum(shared, x, start, C);
        float inverse = 1 / RowExponentialSum(shared, x, start, C, max);
        for (int i = Group.IdxX; i < C; i += Group.DimX)
            y[start + i] = MathF.Exp(x[start + i] - max) * inverse;
    }

    private static float RowMaximum(FloatView shared, FloatView x, int start, int C)
    {
        float max = Lowest;
        for (int i = Group.IdxX; i < C; i += Group.DimX)
        {
            float value = x[start + i];
            if (value > max)
                max = value;
        }

        return GroupMax(shared, max);
    }

    private static float RowExponentialSum(FloatView shared, FloatView x, int start, int C, float shift)
    {
        float sum = 0;
        for (int i = Group.IdxX; i < C; i += Group.DimX)
            sum += MathF.Exp(x[start + i] - shift);
        return GroupSum(shared, sum);
    }
}
