using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    public void Map<TFormula>(DeviceSpan<float> y, DeviceSpan<float> x) where TFormula : struct, IUnaryFormula
    {
        RequireLength(x, y.Length);
        if (y.IsEmpty)
            return;
        UnaryLauncher<TFormula>()(Elements(y.Length), View(y), View(x));
    }

    public void Map<TFormula>(DeviceSpan<float> z, DeviceSpan<float> x, DeviceSpan<float> y) where TFormula : struct, IBinaryFormula
    {
        RequireLength(x, z.Length);
        RequireLength(y, z.Length);
        if (z.IsEmpty)
            return;
        BinaryLauncher<TFormula>()(Elements(z.Length), View(z), View(x), View(y));
    }

    public void Map<TFormula>(DeviceSpan<float> w, DeviceSpan<float> x, DeviceSpan<float> y, DeviceSpan<float> z) where TFormula : struct, ITernaryFormula
    {
        RequireLength(x, w.Length);
        RequireLength(y, w.Length);
        RequireLength(z, w.Length);
        if (w.IsEmpty)
            return;
        TernaryLauncher<TFormula>()(Elements(w.Length), View(w), View(x), View(y), View(z));
    }

    private Action<KernelConfig, FloatView, FloatView> UnaryLauncher<TFormula>() where TFormula : struct, IUnaryFormula
    {
        if (!_launchers.TryGetValue((nameof(UnaryKernel), typeof(TFormula)), out var launcher))
            _launchers[(nameof(UnaryKernel), typeof(TFormula))] = launcher = Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView>(UnaryKernel<TFormula>));
        return (Action<KernelConfig, FloatView, FloatView>)launcher;
    }

    private static void UnaryKernel<TFormula>(FloatView y, FloatView x) where TFormula : struct, IUnaryFormula
    {
        int i = Grid.GlobalIndex.X;
        if (i < y.IntLength)
            y[i] = TFormula.Invoke(x[i]);
    }

    private Action<KernelConfig, FloatView, FloatView, FloatView> BinaryLauncher<TFormula>() where TFormula : struct, IBinaryFormula
    {
        if (!_launchers.TryGetValue((nameof(BinaryKernel), typeof(TFormula)), out var launcher))
            _launchers[(nameof(BinaryKernel), typeof(TFormula))] = launcher = Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView>(BinaryKernel<TFormula>));
        return (Action<KernelConfig, FloatView, FloatView, FloatView>)launcher;
    }

    private static void BinaryKernel<TFormula>(FloatView z, FloatView x, FloatView y) where TFormula : struct, IBinaryFormula
    {
        int i = Grid.GlobalIndex.X;
        if (i < z.IntLength)
            z[i] = TFormula.Invoke(x[i], y[i]);
    }

    private Action<KernelConfig, FloatView, FloatView, FloatView, FloatView> TernaryLauncher<TFormula>() where TFormula : struct, ITernaryFormula
    {
        if (!_launchers.TryGetValue((nameof(TernaryKernel), typeof(TFormula)), out var launcher))
            _launchers[(nameof(TernaryKernel), typeof(TFormula))] = launcher = Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, FloatView, FloatView>(TernaryKernel<TFormula>));
        return (Action<KernelConfig, FloatView, FloatView, FloatView, FloatView>)launcher;
    }

    private static void TernaryKernel<TFormula>(FloatView w, FloatView x, FloatView y, FloatView z) where TFormula : struct, ITernaryFormula
    {
        int i = Grid.GlobalIndex.X;
        if (i < w.IntLength)
            w[i] = TFormula.Invoke(x[i], y[i], z[i]);
    }
}
