using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, IntView, int> ColumnMomentsLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, IntView, int>(ColumnMomentsKernel));

    private Action<KernelConfig, FloatView, IntView, int> MomentCountLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, IntView, int>(MomentCountKernel));

    public void ColumnMoments(DeviceSpan<float> count, DeviceSpan<float> mean, DeviceSpan<float> m2, DeviceSpan<float> x, DeviceSpan<int> lengths, int B, int T, int C)
    {
        RequireLength(count, 1);
        RequireLength(mean, C);
        RequireLength(m2, C);
        RequireLength(x, (long)B * T * C);
        RequireLength(lengths, B);
        if (B == 0)
            return;
        if (C > 0)
            ColumnMomentsLauncher(Columns(C), View(count), View(mean), View(m2), View(x), View(lengths), T);
        MomentCountLauncher(new KernelConfig(1, 1), View(count), View(lengths), T);
    }

    /// <summary>
    /// The batch's own mean and sum of squared deviations in two passes, merged into the running ones (Chan,
    /// Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
    /// </summary>
    private static void ColumnMomentsKernel(FloatView count, FloatView mean, FloatView m2, FloatView x, IntView lengths, int T)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int C = mean.IntLength, column = ColumnOf(), B = lengths.IntLength;
        float batch = 0, sum = 0;
        for (int b = 0; b < B; b++)
        {
            int length = LengthOf(lengths, b, T);
            batch += length;
            for (int t = LaneOf(); t < length && column < C; t += Lanes())
                sum += x[(b * T + t) * C + column];
        }

        float batchMean = LaneSum(shared, sum) / batch, squares = 0;
        for (int b = 0; b < B; b++)
        {
            int length = LengthOf(lengths, b, T);
            for (int t = LaneOf(); t < length && column < C; t += Lanes())
            {
                float d = x[(b * T + t) * C + column] - batchMean;
                squares += d * d;
            }
        }

        float batchM2 = LaneSum(shared, squares);
        if (LaneOf() != 0 || column >= C || batch == 0)
            return;
        float before = count[0], share = batch / (before + batch), delta = batchMean - mean[column];
        mean[column] += delta * share;
        m2[column] += batchM2 + delta * delta * (before * share);
    }

    /// <summary>After the columns, which need the count before.</summary>
    private static void MomentCountKernel(FloatView count, IntView lengths, int T)
    {
        float batch = 0;
        for (int b = 0; b < lengths.IntLength; b++)
            batch += LengthOf(lengths, b, T);
        count[0] += batch;
    }
}
