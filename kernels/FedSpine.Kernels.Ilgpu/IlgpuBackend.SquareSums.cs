using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, DeviceWeight, int> SquareSumsLauncher<TWeight>(MatrixAxis axis) where TWeight : struct, IWeightReader
    {
        string kernel = axis == MatrixAxis.Rows ? nameof(SquareSumRowsKernel) : nameof(SquareSumColumnsKernel);
        if (!_launchers.TryGetValue((kernel, typeof(TWeight)), out var launcher))
        {
            _launchers[(kernel, typeof(TWeight))] = launcher = Loaded(axis == MatrixAxis.Rows
                ? _accelerator.LoadStreamKernel<FloatView, DeviceWeight, int>(SquareSumRowsKernel<TWeight>)
                : _accelerator.LoadStreamKernel<FloatView, DeviceWeight, int>(SquareSumColumnsKernel<TWeight>));
        }

        return (Action<KernelConfig, FloatView, DeviceWeight, int>)launcher;
    }

    public void SquareSums(DeviceSpan<float> y, WeightSpan x, int M, int N, MatrixAxis axis)
    {
        RequireLength(y, axis == MatrixAxis.Rows ? M : N);
        RequireLength(x, (long)M * N);
        if (y.IsEmpty)
            return;
        switch (x.Type)
        {
            case WeightType.F32: Launch<ReadF32>(); break;
            case WeightType.BF16: Launch<ReadBF16>(); break;
            default: Launch<ReadQ8>(); break;
        }

        void Launch<TWeight>() where TWeight : struct, IWeightReader =>
            SquareSumsLauncher<TWeight>(axis)(axis == MatrixAxis.Rows ? Rows(M) : Columns(N), View(y), Weight(x, N), axis == MatrixAxis.Rows ? N : M);
    }

    private static void SquareSumRowsKernel<TWeight>(FloatView y, DeviceWeight x, int N) where TWeight : struct, IWeightReader
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        float sum = 0;
        for (int i = Group.IdxX; i < N; i += Group.DimX)
        {
            float value = TWeight.At(x, Grid.IdxX, i);
            sum += value * value;
        }

        sum = GroupSum(shared, sum);
        if (Group.IdxX == 0)
            y[Grid.IdxX] = sum;
    }

    private static void SquareSumColumnsKernel<TWeight>(FloatView y, DeviceWeight x, int M) where TWeight : struct, IWeightReader
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int N = y.IntLength, column = ColumnOf();
        float sum = 0;
        for (int row = LaneOf(); row < M && column < N; row += Lanes())
        {
            float value = TWeight.At(x, row, column);
            sum += value * value;
        }

        sum = LaneSum(shared, sum);
        if (LaneOf() == 0 && column < N)
            y[column] = sum;
    }
}
