using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, LoraViews, int, float> LoraImportanceRowsLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, LoraViews, int, float>(LoraImportanceRowsKernel);

    private Action<KernelConfig, FloatView, LoraViews, int, float> LoraImportanceColumnsLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, LoraViews, int, float>(LoraImportanceColumnsKernel);

    internal struct LoraViews
    {
        public FloatView W;  // (Out, In)
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
        RequireLength(Floats(w.Weight), (long)w.Out * w.In, "w.Weight");
        RequireLength(w.A, (long)w.Rank * w.In);
        RequireLength(w.B, (long)w.Out * w.Rank);
        RequireLength(dA, (long)w.Rank * w.In);
        RequireLength(dB, (long)w.Out * w.Rank);
        if (score.IsEmpty)
            return;
        var views = new LoraViews { W = View(w.Weight.Floats), A = View(w.A), B = View(w.B), DA = View(dA), DB = View(dB), In = w.In, Out = w.Out };
        if (axis == MatrixAxis.Rows)
            LoraImportanceRowsLauncher(Rows(w.Out), View(score), views, w.Rank, w.Scale);
        else
            LoraImportanceColumnsLauncher(Elements(w.In), View(score), views, w.Rank, w.Scale);
    }

    /// <summary>One group per row.</summary>
    private static void LoraImportanceRowsKernel(FloatView score, LoraViews w, int rank, float scale)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        float sum = 0;
        for (int column = Group.IdxX; column < w.In; column += Group.DimX)
            sum += LoraImportanceAt(w, Grid.IdxX, column, rank, scale);
        sum = GroupSum(shared, sum);
        if (Group.IdxX == 0)
            score[Grid.IdxX] = sum;
    }

    /// <summary>One thread per column.</summary>
    private static void LoraImportanceColumnsKernel(FloatView score, LoraViews w, int rank, float scale)
    {
        int column = Grid.GlobalIndex.X;
        if (column >= w.In)
            return;
        float sum = 0;
        for (int row = 0; row < w.Out; row++)
            sum += LoraImportanceAt(w, row, column, rank, scale);
        score[column] = sum;
    }

    /// <summary>I at one element. G = dB A + B dA - dB dA is computed as dB (A - dA) + B dA.</summary>
    private static float LoraImportanceAt(LoraViews w, int row, int column, int rank, float scale)
    {
        float g = 0, ba = 0;
        for (int r = 0; r < rank; r++)
        {
            float a = w.A[r * w.In + column], da = w.DA[r * w.In + column], b = w.B[row * rank + r];
            g += w.DB[row * rank + r] * (a - da) + b * da;
            ba += b * a;
        }

        float value = g * (w.W[row * w.In + column] + scale * ba);
        return value * value;
    }
}
