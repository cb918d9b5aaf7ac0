using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, IntView, int, int, int> HeadGateLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, IntView, int, int, int>(HeadGateKernel));

    private Action<KernelConfig, FloatView, FloatView, FloatView, IntView, int, int> ChannelGateLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, IntView, int, int>(ChannelGateKernel));

    private Action<KernelConfig, FloatView, FloatView, int> TaylorScoreLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, int>(TaylorScoreKernel));

    public void TaylorImportance(DeviceSpan<float> score, DeviceSpan<float> gates, DeviceSpan<float> x, DeviceSpan<float> dx, DeviceSpan<int> lengths,
        int B, int T, int G, int D)
    {
        RequireLength(score, G);
        RequireLength(gates, (long)B * G);
        RequireLength(x, (long)B * T * G * D);
        RequireLength(dx, (long)B * T * G * D);
        RequireLength(lengths, B);
        if (gates.IsEmpty)
            return;
        if (D == 1)
            ChannelGateLauncher(Elements(B * G), View(gates), View(x), View(dx), View(lengths), T, G);
        else
            HeadGateLauncher(Rows(B * G), View(gates), View(x), View(dx), View(lengths), T, G, D);
        TaylorScoreLauncher(Elements(G), View(score), View(gates), B);
    }

    /// <summary>One group per example and gate: the sum over its D columns at every position.</summary>
    private static void HeadGateKernel(FloatView gates, FloatView x, FloatView dx, IntView lengths, int T, int G, int D)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int b = Grid.IdxX / G, g = Grid.IdxX % G;
        int count = LengthOf(lengths, b, T) * D;
        float sum = 0;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            int at = ((b * T + i / D) * G + g) * D + i % D;
            sum += x[at] * dx[at];
        }

        sum = GroupSum(shared, sum);
        if (Group.IdxX == 0)
            gates[Grid.IdxX] = sum;
    }

    /// <summary>D = 1: one thread per example and channel, the sum down a column.</summary>
    private static void ChannelGateKernel(FloatView gates, FloatView x, FloatView dx, IntView lengths, int T, int G)
    {
        int index = Grid.GlobalIndex.X;
        if (index >= gates.IntLength)
            return;
        int b = index / G, length = LengthOf(lengths, b, T);
        float sum = 0;
        for (int t = 0; t < length; t++)
        {
            int at = (b * T + t) * G + index % G;
            sum += x[at] * dx[at];
        }

        gates[index] = sum;
    }

    /// <summary>score += sum over b of |gates|, one thread per gate.</summary>
    private static void TaylorScoreKernel(FloatView score, FloatView gates, int B)
    {
        int g = Grid.GlobalIndex.X, G = score.IntLength;
        if (g >= G)
            return;
        float sum = score[g];
        for (int b = 0; b < B; b++)
            sum += MathF.Abs(gates[b * G + g]);
        score[g] = sum;
    }

    /// <summary>The example's length, kept within [0, T].</summary>
    private static int LengthOf(IntView lengths, int b, int T)
    {
        int length = lengths[b];
        return length < 0 ? 0 : length > T ? T : length;
    }
}
