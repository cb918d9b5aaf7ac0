using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Partial results of a norm, each made by one group.</summary>
    private const int NormParts = 64;

    private Action<KernelConfig, FloatView, FloatView> NormMaximumLauncher => field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView>(NormMaximumKernel));

    private Action<KernelConfig, FloatView, FloatView> NormSumLauncher => field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView>(NormSumKernel));

    private Action<KernelConfig, FloatView, FloatView, float> NormResultLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, float>(NormResultKernel));

    /// <remarks>
    /// ||g|| = max sqrt(sum (g / max)^2), the sums compensated: a gradient of 1e30 is large, not infinite, and devices without
    /// double precision keep all the digits of a float.
    /// </remarks>
    public void GradientNorm(DeviceSpan<float> norm, DeviceSpan<float> g, float maxNorm)
    {
        RequireLength(norm, 2);
        if (!(maxNorm >= 0))
            throw new ArgumentException($"maxNorm is {maxNorm}; it must be positive, or 0 for no clipping");
        var parts = View(new DeviceSpan<float>(_scratch, 0, 2 * NormParts));
        var config = new KernelConfig(NormParts, _group);
        var view = g.IsEmpty ? parts.SubView(0, 0) : View(g);
        NormMaximumLauncher(config, parts, view);
        NormSumLauncher(config, parts, view);
        NormResultLauncher(new KernelConfig(1, 1), View(norm), parts, maxNorm);
    }

    /// <summary>parts[p] = max |g| over the part's elements; NaN is passed over (the sums will show it).</summary>
    private static void NormMaximumKernel(FloatView parts, FloatView g)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        float max = 0;
        for (int i = Grid.GlobalIndex.X; i < g.IntLength; i += Group.DimX * NormParts)
        {
            float value = MathF.Abs(g[i]);
            if (value > max)
                max = value;
        }

        max = GroupMax(shared, max);
        if (Group.IdxX == 0)
            parts[Grid.IdxX] = max;
    }

    /// <summary>parts[NormParts + p] = sum of (g / max)^2 over the part's elements, with Kahan's compensation in each thread.</summary>
    private static void NormSumKernel(FloatView parts, FloatView g)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        float max = NormMaximum(parts);
        float sum = 0, lost = 0;
        for (int i = Grid.GlobalIndex.X; i < g.IntLength; i += Group.DimX * NormParts)
        {
            float value = max > 0 ? g[i] / max : g[i];
            float term = value * value - lost;
            float next = sum + term;
            lost = next - sum - term;
            sum = next;
        }

        sum = GroupSum(shared, sum);
        if (Group.IdxX == 0)
            parts[NormParts + Grid.IdxX] = sum;
    }

    private static void NormResultKernel(FloatView norm, FloatView parts, float maxNorm)
    {
        float max = NormMaximum(parts);
        float sum = 0, lost = 0;
        for (int p = 0; p < NormParts; p++)
        {
            float term = parts[NormParts + p] - lost;
            float next = sum + term;
            lost = next - sum - term;
            sum = next;
        }

        float value = max > 0 ? max * MathF.Sqrt(sum) : sum;
        float factor = 1;
        if (maxNorm != 0 && value > maxNorm)
            factor = maxNorm / value;
        if (!(value < float.PositiveInfinity)) // NaN as well
            factor = 0;
        norm[0] = value;
        norm[1] = factor;
    }

    private static float NormMaximum(FloatView parts)
    {
        float max = 0;
        for (int p = 0; p < NormParts; p++)
        {
            if (parts[p] > max)
                max = parts[p];
        }

        return max;
    }
}
