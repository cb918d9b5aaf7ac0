using System.Reflection;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Ilgpu.Tensor;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Kernels compiled so far.</summary>
    internal int LoadedKernels { get; private set; }

    /// <summary>
    /// Compiles every kernel, with every weight type and formula, so that none is compiled within a step. Seconds, once a process; drivers
    /// keep what they made of them for the next.
    /// </summary>
    internal void LoadKernels()
    {
        foreach (var property in typeof(IlgpuBackend).GetProperties(BindingFlags.Instance | BindingFlags.NonPublic).Where(p => p.Name.EndsWith("Launcher", StringComparison.Ordinal)))
            property.GetValue(this);
        Load<ReadF32>();
        Load<ReadBF16>();
        Load<ReadQ8>();
        foreach (var formula in typeof(IUnaryFormula).Assembly.GetTypes().Where(t => t.IsValueType))
        {
            foreach (var (kind, launcher) in new[] { (typeof(IUnaryFormula), nameof(UnaryLauncher)), (typeof(IBinaryFormula), nameof(BinaryLauncher)), (typeof(ITernaryFormula), nameof(TernaryLauncher)) })
            {
                if (formula.IsAssignableTo(kind))
                    typeof(IlgpuBackend).GetMethod(launcher, BindingFlags.Instance | BindingFlags.NonPublic)!.MakeGenericMethod(formula).Invoke(this, null);
            }
        }
    }

    private void Load<TWeight>() where TWeight : struct, IWeightReader
    {
        MatMulLauncher<TWeight>();
        WideMatMulLauncher<TWeight>();
        if (Precision != MatMulPrecision.Float32)
        {
            TensorMatMulLauncherOf<TWeight, NarrowTile>();
            TensorMatMulLauncherOf<TWeight, WideTile>();
        }

        LinearRowsLauncher<TWeight>();
        EmbeddingForwardLauncher<TWeight>();
        foreach (var axis in Enum.GetValues<MatrixAxis>())
        {
            SquareSumsLauncher<TWeight>(axis);
            LoraImportanceLauncher<TWeight>(axis);
        }
    }

    private TLauncher Loaded<TLauncher>(TLauncher launcher)
    {
        LoadedKernels++;
        return launcher;
    }
}
