using FedSpine.Kernels.Ilgpu.Tensor;
using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;
using TensorLauncher = System.Action<ILGPU.KernelConfig, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, FedSpine.Kernels.Ilgpu.DeviceWeight,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, FedSpine.Kernels.Ilgpu.Tensor.TensorArguments>;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>What the inputs of products are rounded to, as asked for when the device was opened.</summary>
    public MatMulPrecision Precision { get; }

    /// <summary>The product's instructions through shared memory in place of tensor cores: for tests.</summary>
    private readonly bool _emulated;

    private void MultiplyTensor<TWeight>(FloatView c, FloatView a, DeviceWeight b, DeviceSpan<float> tailA, DeviceSpan<float> tailB, DeviceSpan<float> bias,
        in MatMulArguments product, int batch) where TWeight : struct, IWeightReader
    {
        var arguments = new TensorArguments { Product = product };
        bool halves = typeof(TWeight) == typeof(ReadBF16);
        arguments.AddressA = (ulong)a.LoadEffectiveAddressAsPtr();
        arguments.AddressB = (ulong)(halves ? b.Halves.LoadEffectiveAddressAsPtr() : b.Floats.LoadEffectiveAddressAsPtr());
        int strideA = product.ColumnA == 1 ? product.RowA : product.ColumnA, batchA = batch > 1 ? product.BatchA : 0, batchB = batch > 1 ? product.BatchB : 0;
        if (Precision == MatMulPrecision.TF32)
        {
            arguments.WordsA = CopyWords(arguments.AddressA, product.ColumnA == 1, product.K, strideA, batchA, elements: 1);
            if (typeof(TWeight) == typeof(ReadF32))
                arguments.WordsB = CopyWords(arguments.AddressB, product.TransposedB != 0, product.K, b.RowStride, batchB, elements: 1);
        }
        else if (halves && product.TransposedB != 0)
        {
            arguments.WordsB = CopyWords(arguments.AddressB, true, product.K, b.RowStride, 0, elements: 2);
        }

        var grid = new Index3D((product.N + TensorTile.Rows - 1) / TensorTile.Rows, (product.M + TensorTile.Rows - 1) / TensorTile.Rows, batch);
        TensorMatMulLauncherOf<TWeight>()(new KernelConfig(grid, new Index3D(TensorTile.Threads, 1, 1)), c, a, b, View(tailA), View(tailB), View(bias), arguments);
    }

    /// <summary>Words that one copy moves: four where k lies together and every row and K is a multiple of 16 bytes, else one, else none (odd halves).</summary>
    internal static int CopyWords(ulong address, bool alongK, int K, int stride, int batchStride, int elements)
    {
        bool Multiple(int words) => address % (ulong)(4 * words) == 0 && (K | stride | batchStride) % (words * elements) == 0;
        return alongK && Multiple(4) ? 4 : elements == 1 || Multiple(1) ? 1 : 0;
    }

    private TensorLauncher TensorMatMulLauncherOf<TWeight>() where TWeight : struct, IWeightReader => (Precision, _emulated) switch
    {
        (MatMulPrecision.BF16, false) => TensorMatMulLauncherOf<TWeight, PtxBF16>(),
        (MatMulPrecision.BF16, true) => TensorMatMulLauncherOf<TWeight, EmulatedUnit<FormatBF16>>(),
        (_, false) => TensorMatMulLauncherOf<TWeight, PtxTF32>(),
        (_, true) => TensorMatMulLauncherOf<TWeight, EmulatedUnit<FormatTF32>>(),
    };

    private TensorLauncher TensorMatMulLauncherOf<TWeight, TUnit>() where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        if (!_launchers.TryGetValue((nameof(TensorKernels), typeof(TWeight)), out var launcher))
        {
            Action<FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, TensorArguments> kernel =
                _emulated ? TensorKernels.EmulatedKernel<TWeight, TUnit> : TensorKernels.PtxKernel<TWeight, TUnit>;
            try
            {
                _launchers[(nameof(TensorKernels), typeof(TWeight))] = launcher =
                    Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, TensorArguments>(kernel));
            }
            catch (AcceleratorException refused)
            {
                throw new ArgumentException($"the driver of {_accelerator.Name} does not take the kernels for {Precision.Label()} products ({refused.Message.ReplaceLineEndings(" ")}): use --matmul float32", refused);
            }
        }

        return (TensorLauncher)launcher;
    }
}
