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

    /// <summary>Whether a group may have the threads of a wide tile: on every CUDA device, not on ILGPU's debugger.</summary>
    internal bool HasWideTensorTiles => _accelerator.MaxNumThreadsPerGroup >= TensorTile.Threads(WideTile.Side);

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

        if (HasWideTensorTiles && IsWide(product.M, product.N, batch, Multiprocessors))
            Launch<TWeight, WideTile>(c, a, b, View(tailA), View(tailB), View(bias), arguments, batch);
        else
            Launch<TWeight, NarrowTile>(c, a, b, View(tailA), View(tailB), View(bias), arguments, batch);
    }

    private void Launch<TWeight, TTile>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, TensorArguments arguments, int batch)
        where TWeight : struct, IWeightReader where TTile : struct, ITensorTile
    {
        int rows = TensorTile.Rows(TTile.Side);
        var grid = new Index3D((arguments.Product.N + rows - 1) / rows, (arguments.Product.M + rows - 1) / rows, batch);
        TensorMatMulLauncherOf<TWeight, TTile>()(new KernelConfig(grid, new Index3D(TensorTile.Threads(TTile.Side), 1, 1)), c, a, b, tailA, tailB, bias, arguments);
    }

    /// <summary>Words that one copy moves: four where k lies together and every row and K is a multiple of 16 bytes, else one, else none (odd halves).</summary>
    internal static int CopyWords(ulong address, bool alongK, int K, int stride, int batchStride, int elements)
    {
        bool Multiple(int words) => address % (ulong)(4 * words) == 0 && (K | stride | batchStride) % (words * elements) == 0;
        return alongK && Multiple(4) ? 4 : elements == 1 || Multiple(1) ? 1 : 0;
    }

    private TensorLauncher TensorMatMulLauncherOf<TWeight, TTile>() where TWeight : struct, IWeightReader where TTile : struct, ITensorTile => (Precision, _emulated) switch
    {
        (MatMulPrecision.BF16, false) => TensorMatMulLauncherOf<TWeight, PtxBF16, TTile>(),
        (MatMulPrecision.BF16, true) => TensorMatMulLauncherOf<TWeight, EmulatedUnit<FormatBF16>, TTile>(),
        (_, false) => TensorMatMulLauncherOf<TWeight, PtxTF32, TTile>(),
        (_, true) => TensorMatMulLauncherOf<TWeight, EmulatedUnit<FormatTF32>, TTile>(),
    };

    private TensorLauncher TensorMatMulLauncherOf<TWeight, TUnit, TTile>() where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        var key = (typeof(TTile).Name, typeof(TWeight)); // one unit a backend
        if (!_launchers.TryGetValue(key, out var launcher))
        {
            Action<FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, TensorArguments> kernel =
                _emulated ? TensorKernels.EmulatedKernel<TWeight, TUnit, TTile> : TensorKernels.PtxKernel<TWeight, TUnit, TTile>;
            try
            {
                _launchers[key] = launcher =
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
