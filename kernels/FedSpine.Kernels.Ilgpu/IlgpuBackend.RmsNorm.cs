using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, float> RmsNormForwardLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, float>(RmsNormForwardKernel));

    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, FloatView, int> RmsNormBackwardLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, FloatView, int>(RmsNormBackwardKernel));

    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView> RmsNormWeightLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView>(RmsNormWeightKernel));

    public void RmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight, int rows, int D, float eps)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(rstd, rows);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        if (rows > 0)
            RmsNormForwardLauncher(Rows(rows), View(y), View(rstd), View(x), View(weight), eps);
    }

    public void RmsNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dy, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> rstd, int rows, int D, bool accumulate = false)
    {
        RequireLength(dx, (long)rows * D);
        RequireLengthOrAbsent(dweight, D);
        RequireLength(dy, (long)rows * D);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(rstd, rows);
        if (rows == 0)
            return;
        if (!dweight.IsEmpty) // before dx, which may lie on dy
            RmsNormWeightLauncher(Columns(D), View(dweight), View(dy), View(x), View(rstd));
        RmsNormBackwardLauncher(Rows(rows), View(dx), View(dy), View(x), View(weight), View(rstd), accumulate ? 1 : 0);
    }

    private static void RmsNormForwardKernel(FloatView y, FloatView rstd, FloatView x, FloatView weight, float eps)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = weight.IntLength, start = Grid.IdxX * D;
        float sum = 0;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
            sum += x[start + i] * x[start + i];
        float r = 1 / MathF.Sqrt(GroupSum(shared, sum) / D + eps);
        if (Group.IdxX == 0)
            rstd[Grid.IdxX] = r;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
            y[start + i] = x[start + i] * r * weight[i];
    }

    /// <summary>With g = dy * weight: dx = rstd (g - x c), c = rstd^2 mean(g x).</summary>
    private static void RmsNormBackwardKernel(FloatView dx, FloatView dy, FloatView x, FloatView weight, FloatView rstd, int accumulate)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = weight.IntLength, start = Grid.IdxX * D;
        float r = rstd[Grid.IdxX];
        float sum = 0;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
            sum += dy[start + i] * weight[i] * x[start + i];
        float c = r * r * GroupSum(shared, sum) / D;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
        {
            float d = r * (dy[start + i] * weight[i] - x[start + i] * c);
            if (accumulate != 0)
                d += dx[start + i];
            dx[start + i] = d;
        }
    }

    /// <summary>dweight += sum over rows of dy x rstd.</summary>
    private static void RmsNormWeightKernel(FloatView dweight, FloatView dy, FloatView x, FloatView rstd)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = dweight.IntLength, column = ColumnOf();
        float sum = 0;
        for (int row = LaneOf(); row < rstd.IntLength && column < D; row += Lanes())
            sum += dy[row * D + column] * x[row * D + column] * rstd[row];
        sum = LaneSum(shared, sum);
        if (LaneOf() == 0 && column < D)
            dweight[column] += sum;
    }
}
