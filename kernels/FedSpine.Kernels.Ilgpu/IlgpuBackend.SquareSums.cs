using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, int> SquareSumRowsLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, FloatView, int>(SquareSumRowsKernel);

    private Action<KernelConfig, FloatView, FloatView, int> SquareSumColumnsLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, FloatView, int>(SquareSumColumnsKernel);

    public void SquareSums(DeviceSpan<float> y, WeightSpan x, int M, int N, MatrixAxis axis)
    {
        RequireLength(y, axis == MatrixAxis.Rows ? M : N);
        var floats = Floats(x);
        RequireLength(floats, (long)M * N, nameof(x));
        if (y.IsEmpty)
            return;
        if (axis == MatrixAxis.Rows)
            SquareSumRowsLauncher(Rows(M), View(y), View(floats), N);
        else
            SquareSumColumnsLauncher(Elements(N), View(y), View(floats), M);
    }

    private static void SquareSumRowsKernel(FloatView y, FloatView x, int N)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        float sum = 0;
        for (int i = Group.IdxX; i < N; i += Group.DimX)
            sum += x[Grid.IdxX * N + i] * x[Grid.IdxX * N + i];
        sum = GroupSum(shared, sum);
        if (Group.IdxX == 0)
            y[Grid.IdxX] = sum;
    }

    private static void SquareSumColumnsKernel(FloatView y, FloatView x, int M)
    {
        int N = y.IntLength, column = Grid.GlobalIndex.X;
        if (column >= N)
            return;
        float sum = 0;
        for (int row = 0; row < M; row++)
            sum += x[row * N + column] * x[row * N + column];
        y[column] = sum;
    }
}
