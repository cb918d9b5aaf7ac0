using FedSpine.Kernels.Memory;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<ILGPU.KernelConfig, FloatView, FloatView, int> ColumnSumLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, FloatView, int>(ColumnSumKernel);

    public void LinearForward(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows)
    {
        RequireLinear(w);
        RequireLength(y, (long)rows * w.Out);
        RequireLength(xa, (long)rows * w.Rank);
        RequireLength(x, (long)rows * w.In);
        MatMul(y, x, w.Weight.Floats, w.Bias, new MatMulShape(MatMulLayout.NT, rows, w.Out, w.In), 1, accumulate: false);
        if (w.Rank == 0)
            return;
        MatMul(xa, x, w.A, new MatMulShape(MatMulLayout.NT, rows, w.Rank, w.In));
        MatMul(y, xa, w.B, new MatMulShape(MatMulLayout.NT, rows, w.Out, w.Rank), w.Scale, accumulate: true);
    }

    public void LinearBackward(DeviceSpan<float> dx, in LinearGradients dw, DeviceSpan<float> dyb, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> xa, in LinearOperands w, int rows, bool accumulate = false)
    {
        RequireLinear(w);
        RequireLength(dy, (long)rows * w.Out);
        RequireLength(x, (long)rows * w.In);
        RequireLength(xa, (long)rows * w.Rank);
        RequireLength(dyb, (long)rows * w.Rank);
        RequireLengthOrAbsent(dx, (long)rows * w.In);
        RequireLengthOrAbsent(dw.Weight, (long)w.Out * w.In);
        RequireLengthOrAbsent(dw.Bias, w.Out);
        RequireLengthOrAbsent(dw.A, (long)w.Rank * w.In);
        RequireLengthOrAbsent(dw.B, (long)w.Out * w.Rank);
        if (rows == 0)
            return;

        if (w.Rank > 0 && (!dx.IsEmpty || !dw.A.IsEmpty))
            MatMul(dyb, dy, w.B, new MatMulShape(MatMulLayout.NN, rows, w.Rank, w.Out));
        if (!dx.IsEmpty)
        {
            MatMul(dx, dy, w.Weight.Floats, new MatMulShape(MatMulLayout.NN, rows, w.In, w.Out), accumulate: accumulate);
            if (w.Rank > 0)
                MatMul(dx, dyb, w.A, new MatMulShape(MatMulLayout.NN, rows, w.In, w.Rank), w.Scale, accumulate: true);
        }

        if (!dw.A.IsEmpty)
            MatMul(dw.A, dyb, x, new MatMulShape(MatMulLayout.TN, w.Rank, w.In, rows), w.Scale, accumulate: true);
        if (!dw.B.IsEmpty)
            MatMul(dw.B, dy, xa, new MatMulShape(MatMulLayout.TN, w.Out, w.Rank, rows), w.Scale, accumulate: true);
        if (!dw.Weight.IsEmpty)
            MatMul(dw.Weight, dy, x, new MatMulShape(MatMulLayout.TN, w.Out, w.In, rows), accumulate: true);
        if (!dw.Bias.IsEmpty)
            ColumnSumLauncher(Elements(w.Out), View(dw.Bias), View(dy), rows);
    }

    private void RequireLinear(in LinearOperands w)
    {
        RequireLength(Floats(w.Weight), (long)w.Out * w.In, "w.Weight");
        RequireLengthOrAbsent(w.Bias, w.Out);
        RequireLength(w.A, (long)w.Rank * w.In);
        RequireLength(w.B, (long)w.Out * w.Rank);
    }
}
