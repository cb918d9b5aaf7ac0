using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, FloatView, FloatView, float> LayerNormForwardLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, FloatView, FloatView, float>(LayerNormForwardKernel));

    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, FloatView, FloatView, int> LayerNormBackwardLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, FloatView, FloatView, int>(LayerNormBackwardKernel));

    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, FloatView> LayerNormWeightLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, FloatView>(LayerNormWeightKernel));

    public void LayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> bias, int rows, int D, float eps)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(mean, rows);
        RequireLength(rstd, rows);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(bias, D);
        if (rows > 0)
            LayerNormForwardLauncher(Rows(rows), View(y), View(mean), View(rstd), View(x), View(weight), View(bias), eps);
    }

    public void LayerNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dbias, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> mean, DeviceSpan<float> rstd, int rows, int D, bool accumulate = false)
    {
        RequireLength(dx, (long)rows * D);
        RequireLengthOrAbsent(dweight, D);
        RequireLengthOrAbsent(dbias, D);
        RequireLength(dy, (long)rows * D);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(mean, rows);
        RequireLength(rstd, rows);
        if (rows == 0)
            return;
        // Before dx, which may lie on dy.
        if (!dweight.IsEmpty)
            LayerNormWeightLauncher(Columns(D), View(dweight), View(dy), View(x), View(mean), View(rstd));
        if (!dbias.IsEmpty)
            ColumnSumLauncher(Columns(D), View(dbias), View(dy), rows);
        LayerNormBackwardLauncher(Rows(rows), View(dx), View(dy), View(x), View(weight), View(mean), View(rstd), accumulate ? 1 : 0);
    }

    private static void LayerNormForwardKernel(FloatView y, FloatView mean, FloatView rstd, FloatView x, FloatView weight, FloatView bias, float eps)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = weight.IntLength, start = Grid.IdxX * D;
        float sum = 0;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
            sum += x[start + i];
        float m = GroupSum(shared, sum) / D;
        float squares = 0;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
            squares += (x[start + i] - m) * (x[start + i] - m);
        float r = 1 / MathF.Sqrt(GroupSum(shared, squares) / D + eps);
        if (Group.IdxX == 0)
        {
            mean[Grid.IdxX] = m;
            rstd[Grid.IdxX] = r;
        }

        for (int i = Group.IdxX; i < D; i += Group.DimX)
            y[start + i] = (x[start + i] - m) * r * weight[i] + bias[i];
    }

    /// <summary>With g = dy * weight and xhat = (x - mean) rstd: dx = rstd (g - mean(g) - xhat mean(g xhat)).</summary>
    private static void LayerNormBackwardKernel(FloatView dx, FloatView dy, FloatView x, FloatView weight, FloatView mean, FloatView rstd, int accumulate)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = weight.IntLength, start = Grid.IdxX * D;
        float m = mean[Grid.IdxX], r = rstd[Grid.IdxX];
        float sumG = 0, sumGx = 0;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
        {
            float g = dy[start + i] * weight[i];
            sumG += g;
            sumGx += g * ((x[start + i] - m) * r);
        }

        float meanG = GroupSum(shared, sumG) / D;
        float meanGx = GroupSum(shared, sumGx) / D;
        for (int i = Group.IdxX; i < D; i += Group.DimX)
        {
            float d = r * (dy[start + i] * weight[i] - meanG - (x[start + i] - m) * r * meanGx);
            if (accumulate != 0)
                d += dx[start + i];
            dx[start + i] = d;
        }
    }

    /// <summary>dweight += sum over rows of dy (x - mean) rstd.</summary>
    private static void LayerNormWeightKernel(FloatView dweight, FloatView dy, FloatView x, FloatView mean, FloatView rstd)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = dweight.IntLength, column = ColumnOf();
        float sum = 0;
        for (int row = LaneOf(); row < rstd.IntLength && column < D; row += Lanes())
            sum += dy[row * D + column] * ((x[row * D + column] - mean[row]) * rstd[row]);
        sum = LaneSum(shared, sum);
        if (LaneOf() == 0 && column < D)
            dweight[column] += sum;
    }
}
