using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, LoraViews, int, float> LoraImportanceLauncher<TWeight>(MatrixAxis axis) where TWeight : struct, IWeightReader
    {
        string kernel = axis == MatrixAxis.Rows ? nameof(LoraImportanceRowsKernel) : nameof(LoraImportanceColumnsKernel);
        if (!_launchers.TryGetValue((kernel, typeof(TWeight)), out var launcher))
        {
            _launchers[(kernel, typeof(TWeight))] = launcher = Loaded(axis == MatrixAxis.Rows
                ? _accelerator.LoadStreamKernel<FloatView, LoraViews, int, float>(LoraImportanceRowsKernel<TWeight>)
                : _accelerator.LoadStreamKernel<FloatView, LoraViews, int, float>(LoraImportanceColumnsKernel<TWeight>));
        }

        return (Action<KernelConfig, FloatView, LoraViews, int, float>)launcher;
    }

    internal struct LoraViews
    {
        public DeviceWeight W; // (Out, In)
        public FloatView A;  // (Rank, In)
        public FloatView B;  // (Out, Rank)
        public FloatView DA; // (Rank, In)
        public FloatView DB; // (Out, Rank)
        public int In;
        public int Out;
    }

    public void LoraImportance(DeviceSpan<float> score, in LinearOperands w, DeviceSpan<float> dA, DeviceSpan<float> dB, MatrixAxis axis)
    {
        RequireLength(score, axis == MatrixAxis.Rows ? w.Out : w.In);
        RequireLength(w.Weight, (long)w.Out * w.In);
        RequireLength(w.A, (long)w.Rank * w.In);
        RequireLength(w.B, (long)w.Out * w.Rank);
        RequireLength(dA, (long)w.Rank * w.In);
        RequireLength(dB, (long)w.Out * w.Rank);
        if (score.IsEmpty)
            return;
        var views = new LoraViews { W = Weight(w.Weight, w.In), A = View(w.A), B = View(w.B), DA = View(dA), DB = View(dB), In = w.In, Out = w.Out };
        var config = axis == MatrixAxis.Rows ? Rows(w.Out) : Columns(w.In);
        switch (w.Weight.Type)
        {
            case WeightType.F32: LoraImportanceLauncher<ReadF32>(axis)(config, View(score), views, w.Rank, w.Scale); break;
            case WeightType.BF16: LoraImportanceLauncher<ReadBF16>(axis)(config, View(score), views, w.Rank, w.Scale); break;
            default: LoraImportanceLauncher<ReadQ8>(axis)(config, View(score), views, w.Rank, w.Scale); break;
        }
    }

    /// <summary>One group per row.</summary>
    private static void LoraImportanceRowsKernel<TWeight>(FloatView score, LoraViews w, int rank, float scale) where TWeight : struct, IWeightReader
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        float sum = 0;
        for (int column = Group.IdxX; column < w.In; column += Group.DimX)
            sum += LoraImportanceAt<TWeight>(w, Grid.IdxX, column, rank, scale);
        sum = GroupSum(shared, sum);
        if (Group.IdxX == 0)
            score[Grid.IdxX] = sum;
    }

    private static void LoraImportanceColumnsKernel<TWeight>(FloatView score, LoraViews w, int rank, float scale) where TWeight : struct, IWeightReader
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int column = ColumnOf();
        float sum = 0;
        for (int row = LaneOf(); row < w.Out && column < w.In; row += Lanes())
            sum += LoraImportanceAt<TWeight>(w, row, column, rank, scale);
        sum = LaneSum(shared, sum);
        if (LaneOf() == 0 && column < w.In)
            score[column] = sum;
    }

    /// <summary>I at one element. G = dB A + B dA - dB dA is computed as dB (A - dA) + B dA.</summary>
    private static float LoraImportanceAt<TWeight>(LoraViews w, int row, int column, int rank, float scale) where TWeight : struct, IWeightReader
    {
        float g = 0, ba = 0;
        for (int r = 0; r < rank; r++)
        {
            float a = w.A[r * w.In + column], da = w.DA[r * w.In + column], b = w.B[row * rank + r];
            g += w.DB[row * rank + r] * (a - da) + b * da;
            ba += b * a;
        }

        float value = g * (TWeight.At(w.W, row, column) + scale * ba);
        return value * value;
    }
}
