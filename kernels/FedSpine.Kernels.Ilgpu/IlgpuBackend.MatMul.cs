using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Rows and columns that one thread holds in registers.</summary>
    private const int Register = 4;

    /// <summary>Depth of a tile in shared memory.</summary>
    private const int TileK = 16;

    /// <summary>Most rows (and columns) of a tile: a group of 16 x 16 threads.</summary>
    private const int MaxTile = 16 * Register;

    /// <summary>
    /// One product C = alpha (A B + tail) + (C or bias): strides in elements, the tail TailScale TailA TailB is more of K, from a second
    /// pair of matrices. That is how a low-rank adapter rides on the frozen product: [x | s xa] [W | B]^T.
    /// </summary>
    internal struct MatMulArguments
    {
        public int M, N, K;
        public int RowA, ColumnA, RowC;
        public int TransposedB; // the rows of the weight are the columns of B
        public int BatchA, BatchB, BatchC;
        public int TailK;       // 0: no tail
        public int TailRowB, TailColumnB;
        public float TailScale;
        public int Side;        // threads along each side of a tile
        public float Alpha;
        public int Accumulate;
        public int HasBias;
    }

    private Action<KernelConfig, FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, MatMulArguments> MatMulLauncher<TWeight>()
        where TWeight : struct, IWeightReader
    {
        if (!_launchers.TryGetValue((nameof(MatMulKernel), typeof(TWeight)), out var launcher))
        {
            _launchers[(nameof(MatMulKernel), typeof(TWeight))] = launcher =
                Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, MatMulArguments>(MatMulKernel<TWeight>));
        }

        return (Action<KernelConfig, FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, MatMulArguments>)launcher;
    }

    public void MatMul(DeviceSpan<float> c, DeviceSpan<float> a, DeviceSpan<float> b, in MatMulShape shape, float alpha = 1, bool accumulate = false)
    {
        bool transposeA = shape.Layout == MatMulLayout.TN, transposeB = shape.Layout == MatMulLayout.NT;
        var (M, N, K) = (shape.M, shape.N, shape.K);
        RequireMatrix(c, M, N, shape.StrideC, shape.Batch, shape.BatchStrideC, "c");
        RequireMatrix(a, transposeA ? K : M, transposeA ? M : K, shape.StrideA, shape.Batch, shape.BatchStrideA, "a");
        RequireMatrix(b, transposeB ? N : K, transposeB ? K : N, shape.StrideB, shape.Batch, shape.BatchStrideB, "b");
        if (M == 0 || N == 0 || shape.Batch == 0)
            return;

        var arguments = new MatMulArguments
        {
            M = M, N = N, K = K,
            RowA = transposeA ? 1 : shape.StrideA, ColumnA = transposeA ? shape.StrideA : 1,
            TransposedB = transposeB ? 1 : 0, RowC = shape.StrideC,
            BatchA = (int)shape.BatchStrideA, BatchB = (int)shape.BatchStrideB, BatchC = (int)shape.BatchStrideC,
            Alpha = alpha, Accumulate = accumulate ? 1 : 0,
        };
        var weight = new DeviceWeight { Floats = View(b), Halves = View(default(DeviceSpan<ushort>)), RowStride = shape.StrideB };
        Multiply<ReadF32>(View(c), View(a), weight, default, default, default, arguments, shape.Batch);
    }

    /// <summary>The way that was chosen when the device was opened.</summary>
    private void Multiply<TWeight>(FloatView c, FloatView a, DeviceWeight b, DeviceSpan<float> tailA, DeviceSpan<float> tailB, DeviceSpan<float> bias,
        in MatMulArguments arguments, int batch) where TWeight : struct, IWeightReader
    {
        if (Precision != MatMulPrecision.Float32)
            MultiplyTensor<TWeight>(c, a, b, tailA, tailB, bias, arguments, batch);
        else if (_gemm is not null && typeof(TWeight) == typeof(ReadF32))
            MultiplyBlas(c, a, b, tailA, tailB, bias, arguments, batch);
        else
            MultiplyPortable<TWeight>(c, a, b, tailA, tailB, bias, arguments, batch);
    }

    private void MultiplyPortable<TWeight>(FloatView c, FloatView a, DeviceWeight b, DeviceSpan<float> tailA, DeviceSpan<float> tailB, DeviceSpan<float> bias,
        MatMulArguments arguments, int batch) where TWeight : struct, IWeightReader
    {
        if (_group >= WideThreads && IsWide(arguments.M, arguments.N, batch, Multiprocessors))
        {
            MultiplyWide<TWeight>(c, a, b, View(tailA), View(tailB), View(bias), arguments, batch);
            return;
        }

        arguments.Side = _group >= 256 ? 16 : _group >= 64 ? 8 : 4;
        int tile = arguments.Side * Register;
        var grid = new Index3D((arguments.N + tile - 1) / tile, (arguments.M + tile - 1) / tile, batch);
        MatMulLauncher<TWeight>()(new KernelConfig(grid, new Index3D(arguments.Side * arguments.Side, 1, 1)), c, a, b, View(tailA), View(tailB), View(bias), arguments);
    }

    private static void RequireMatrix(DeviceSpan<float> span, int rows, int columns, int stride, int batch, long batchStride, string name)
    {
        if (rows < 0 || columns < 0 || batch < 0)
            throw new ArgumentException($"{name} is {batch} x {rows} x {columns}");
        if (rows == 0 || columns == 0 || batch == 0)
            return;
        if (stride < columns)
            throw new ArgumentException($"{name}: row stride {stride} is less than the {columns} columns");
        long needed = (batch - 1) * batchStride + (long)(rows - 1) * stride + columns;
        if (batchStride < 0 || span.Length < needed)
            throw new ArgumentException($"{name} has {span.Length} elements, the shape needs {needed}");
    }

    /// <summary>
    /// A group computes a tile of C from tiles of A and B in shared memory, each thread <see cref="Register"/> x <see cref="Register"/>
    /// elements that lie Side apart. Every element is summed over k in order.
    /// </summary>
    private static void MatMulKernel<TWeight>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, MatMulArguments p)
        where TWeight : struct, IWeightReader
    {
        var tileA = SharedMemory.Allocate<float>(TileK * (MaxTile + 1)); // (k, m)
        var tileB = SharedMemory.Allocate<float>(TileK * (MaxTile + 1)); // (k, n)
        int side = p.Side, stride = side * Register + 1;
        int tx = Group.IdxX % side, ty = Group.IdxX / side;
        int row0 = Grid.IdxY * side * Register, column0 = Grid.IdxX * side * Register;
        float c00 = 0, c01 = 0, c02 = 0, c03 = 0, c10 = 0, c11 = 0, c12 = 0, c13 = 0;
        float c20 = 0, c21 = 0, c22 = 0, c23 = 0, c30 = 0, c31 = 0, c32 = 0, c33 = 0;
        int main = (p.K + TileK - 1) / TileK, tiles = main + (p.TailK + TileK - 1) / TileK;
        b.Offset = Grid.IdxZ * p.BatchB;
        for (int tile = 0; tile < tiles; tile++)
        {
            bool inMain = tile < main;
            int k0 = (inMain ? tile : tile - main) * TileK, depth = inMain ? p.K : p.TailK;
            var boundsA = new TileBounds { Row0 = row0, Rows = p.M, K0 = k0, Depth = depth };
            var boundsB = new TileBounds { Row0 = column0, Rows = p.N, K0 = k0, Depth = depth };
            int rows = side * Register;
            for (int moved = 0; moved < rows * TileK / Group.DimX; moved += 4)
            {
                var shareA = TileShare.Of(rows, TileK, inMain && p.ColumnA != 1 ? 0 : 1).Skip(moved);
                var shareB = TileShare.Of(rows, TileK, inMain ? p.TransposedB : p.TailRowB == 1 ? 1 : 0).Skip(moved);
                if (inMain)
                {
                    RawFour fromA = LoadFour<ReadF32>(MatrixA(a, b, p), boundsA, shareA), fromB = LoadFour<TWeight>(b, boundsB, shareB);
                    StoreFour<ReadF32>(tileA, stride, boundsA, shareA, fromA, 1);
                    StoreFour<TWeight>(tileB, stride, boundsB, shareB, fromB, 1);
                }
                else
                {
                    RawFour fromA = LoadFour<ReadF32>(MatrixTailA(tailA, b, p), boundsA, shareA), fromB = LoadFour<ReadF32>(MatrixTailB(tailB, b, p), boundsB, shareB);
                    StoreFour<ReadF32>(tileA, stride, boundsA, shareA, fromA, p.TailScale);
                    StoreFour<ReadF32>(tileB, stride, boundsB, shareB, fromB, 1);
                }
            }

            Group.Barrier();
            for (int k = 0; k < TileK; k++)
            {
                int ia = k * stride + ty, ib = k * stride + tx;
                float a0 = tileA[ia], a1 = tileA[ia + side], a2 = tileA[ia + 2 * side], a3 = tileA[ia + 3 * side];
                float b0 = tileB[ib], b1 = tileB[ib + side], b2 = tileB[ib + 2 * side], b3 = tileB[ib + 3 * side];
                c00 += a0 * b0;
                c01 += a0 * b1;
                c02 += a0 * b2;
                c03 += a0 * b3;
                c10 += a1 * b0;
                c11 += a1 * b1;
                c12 += a1 * b2;
                c13 += a1 * b3;
                c20 += a2 * b0;
                c21 += a2 * b1;
                c22 += a2 * b2;
                c23 += a2 * b3;
                c30 += a3 * b0;
                c31 += a3 * b1;
                c32 += a3 * b2;
                c33 += a3 * b3;
            }

            Group.Barrier();
        }

        int row = row0 + ty, column = column0 + tx;
        StoreRow(c, bias, p, row, column, c00, c01, c02, c03);
        StoreRow(c, bias, p, row + side, column, c10, c11, c12, c13);
        StoreRow(c, bias, p, row + 2 * side, column, c20, c21, c22, c23);
        StoreRow(c, bias, p, row + 3 * side, column, c30, c31, c32, c33);
    }

    private static void StoreRow(FloatView c, FloatView bias, MatMulArguments p, int row, int column, float c0, float c1, float c2, float c3)
    {
        if (row >= p.M)
            return;
        Store(c, bias, p, row, column, c0);
        Store(c, bias, p, row, column + p.Side, c1);
        Store(c, bias, p, row, column + 2 * p.Side, c2);
        Store(c, bias, p, row, column + 3 * p.Side, c3);
    }

    private static void Store(FloatView c, FloatView bias, MatMulArguments p, int row, int column, float sum)
    {
        if (column >= p.N)
            return;
        int at = Grid.IdxZ * p.BatchC + row * p.RowC + column;
        float value = p.Alpha * sum;
        if (p.HasBias != 0)
            value += bias[column];
        if (p.Accumulate != 0)
            value += c[at];
        c[at] = value;
    }
}
