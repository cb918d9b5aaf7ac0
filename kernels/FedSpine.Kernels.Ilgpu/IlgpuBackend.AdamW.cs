using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView, FloatView, int, AdamWStep> AdamWLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView, FloatView, int, AdamWStep>(AdamWKernel));

    public void AdamW(DeviceSpan<float> w, DeviceSpan<float> m, DeviceSpan<float> v, DeviceSpan<float> g, DeviceSpan<float> gradScale, in AdamWStep step)
    {
        RequireLength(m, w.Length);
        RequireLength(v, w.Length);
        RequireLength(g, w.Length);
        RequireLengthOrAbsent(gradScale, 1);
        if (!w.IsEmpty)
            AdamWLauncher(Elements(w.Length), View(w), View(m), View(v), View(g), View(gradScale), gradScale.IsEmpty ? 0 : 1, step);
    }

    /// <summary>w = w (1 - lr decay) - lr / c1 m / (sqrt(v) / sqrt(c2) + eps), c1 and c2 the bias corrections.</summary>
    private static void AdamWKernel(FloatView w, FloatView m, FloatView v, FloatView g, FloatView gradScale, int hasScale, AdamWStep step)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= w.IntLength)
            return;
        float scale = 1;
        if (hasScale != 0)
            scale = gradScale[0];
        if (scale == 0) // a void step: 0 times the infinities that made it void would be NaN
            return;
        float gradient = g[i] * scale;
        float first = m[i] * step.Beta1 + gradient * (1 - step.Beta1);
        float second = v[i] * step.Beta2 + gradient * gradient * (1 - step.Beta2);
        m[i] = first;
        v[i] = second;
        float root = MathF.Sqrt(second) / MathF.Sqrt(step.BiasCorrection2) + step.Epsilon;
        w[i] = w[i] * (1 - step.LearningRate * step.WeightDecay) - step.LearningRate / step.BiasCorrection1 * first / root;
    }
}
