using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Rows and columns of a wide tile: a group of 16 x 16 threads, each with 8 x 8 elements in registers.</summary>
    private const int WideSide = 128;

    private const int WideThreads = 256;

    /// <summary>From k to k of a wide tile in shared memory: a multiple of 16 bytes, so that four neighbours are read at once.</summary>
    private const int WideStride = WideSide + 4;

    private Action<KernelConfig, FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, MatMulArguments> WideMatMulLauncher<TWeight>()
        where TWeight : struct, IWeightReader
    {
        if (!_launchers.TryGetValue((nameof(WideMatMulKernel), typeof(TWeight)), out var launcher))
        {
            _launchers[(nameof(WideMatMulKernel), typeof(TWeight))] = launcher =
                Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, MatMulArguments>(WideMatMulKernel<TWeight>));
        }

        return (Action<KernelConfig, FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, MatMulArguments>)launcher;
    }

    /// <summary>What wide tiles must keep busy: the device's, or for a check what it says; 0: the device's again.</summary>
    internal int Multiprocessors
    {
        get => field == 0 ? _accelerator.NumMultiprocessors : field;
        set;
    }

    /// <summary>
    /// Whether wide tiles pay: a thread of 4 x 4 reads two values from shared memory for four multiplications, and that is what it waits for; one of 8 x 8
    /// half as many. But only where they keep every multiprocessor busy, and hang over the edges by less than half of what they compute.
    /// </summary>
    internal static bool IsWide(int rows, int columns, int batch, int multiprocessors)
    {
        static long Up(int x, int tile) => ((long)x + tile - 1) / tile * tile;
        long padded = Up(rows, WideSide) * Up(columns, WideSide);
        return padded / (WideSide * WideSide) * batch >= multiprocessors && 2 * padded <= 3 * Up(rows, MaxTile) * Up(columns, MaxTile);
    }

    private void MultiplyWide<TWeight>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, MatMulArguments arguments, int batch)
        where TWeight : struct, IWeightReader
    {
        var grid = new Index3D((arguments.N + WideSide - 1) / WideSide, (arguments.M + WideSide - 1) / WideSide, batch);
        WideMatMulLauncher<TWeight>()(new KernelConfig(grid, new Index3D(WideThreads, 1, 1)), c, a, b, tailA, tailB, bias, arguments);
    }

    /// <summary>
    /// As <see cref="MatMulKernel{TWeight}"/>, and every element is the same sum in the same order. A thread's rows (and columns) are four neighbours in each half of
    /// the tile: 16 bytes a read, and the threads of a warp meet every bank at most twice.
    /// </summary>
    private static void WideMatMulKernel<TWeight>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, MatMulArguments p)
        where TWeight : struct, IWeightReader
    {
        var tileA = SharedMemory.Allocate<float>(TileK * WideStride).AsAligned(16); // (k, m)
        var tileB = SharedMemory.Allocate<float>(TileK * WideStride).AsAligned(16); // (k, n)
        var foursA = tileA.Cast<Four>();
        var foursB = tileB.Cast<Four>();
        int tx = Group.IdxX % 16, ty = Group.IdxX / 16;
        int row0 = Grid.IdxY * WideSide, column0 = Grid.IdxX * WideSide;
        Four sum00 = default, sum01 = default, sum10 = default, sum11 = default, sum20 = default, sum21 = default, sum30 = default, sum31 = default;
        Four sum40 = default, sum41 = default, sum50 = default, sum51 = default, sum60 = default, sum61 = default, sum70 = default, sum71 = default;
        int main = (p.K + TileK - 1) / TileK, tiles = main + (p.TailK + TileK - 1) / TileK;
        b.Offset = Grid.IdxZ * p.BatchB;
        RawFour fromA0 = default, fromA1 = default, fromB0 = default, fromB1 = default; // the next tiles', on their way while these are multiplied
        for (int tile = -1; tile < tiles; tile++)
        {
            int next = tile + 1;
            bool inMain = next < main;
            int k0 = (inMain ? next : next - main) * TileK, depth = inMain ? p.K : p.TailK;
            var boundsA = new TileBounds { Row0 = row0, Rows = p.M, K0 = k0, Depth = depth };
            var boundsB = new TileBounds { Row0 = column0, Rows = p.N, K0 = k0, Depth = depth };
            var shareA = TileShare.Of(WideSide, TileK, inMain && p.ColumnA != 1 ? 0 : 1);
            var shareB = TileShare.Of(WideSide, TileK, inMain ? p.TransposedB : p.TailRowB == 1 ? 1 : 0);
            Group.Barrier(); // the tiles are whole
            if (inMain)
            {
                var matrix = MatrixA(a, b, p);
                fromA0 = LoadFour<ReadF32>(matrix, boundsA, shareA);
                fromA1 = LoadFour<ReadF32>(matrix, boundsA, shareA.Skip(4));
                fromB0 = LoadFour<TWeight>(b, boundsB, shareB);
                fromB1 = LoadFour<TWeight>(b, boundsB, shareB.Skip(4));
            }
            else if (next < tiles)
            {
                DeviceWeight matrixA = MatrixTailA(tailA, b, p), matrixB = MatrixTailB(tailB, b, p);
                fromA0 = LoadFour<ReadF32>(matrixA, boundsA, shareA);
                fromA1 = LoadFour<ReadF32>(matrixA, boundsA, shareA.Skip(4));
                fromB0 = LoadFour<ReadF32>(matrixB, boundsB, shareB);
                fromB1 = LoadFour<ReadF32>(matrixB, boundsB, shareB.Skip(4));
            }

            for (int k = 0; k < (tile < 0 ? 0 : TileK); k++)
            {
                int at = k * (WideStride / 4);
                Four a0 = foursA[at + ty], a1 = foursA[at + ty + 16], b0 = foursB[at + tx], b1 = foursB[at + tx + 16];
                sum00 = Four.Add(sum00, a0.X, b0);
                sum01 = Four.Add(sum01, a0.X, b1);
                sum10 = Four.Add(sum10, a0.Y, b0);
                sum11 = Four.Add(sum11, a0.Y, b1);
                sum20 = Four.Add(sum20, a0.Z, b0);
                sum21 = Four.Add(sum21, a0.Z, b1);
                sum30 = Four.Add(sum30, a0.W, b0);
                sum31 = Four.Add(sum31, a0.W, b1);
                sum40 = Four.Add(sum40, a1.X, b0);
                sum41 = Four.Add(sum41, a1.X, b1);
                sum50 = Four.Add(sum50, a1.Y, b0);
                sum51 = Four.Add(sum51, a1.Y, b1);
                sum60 = Four.Add(sum60, a1.Z, b0);
                sum61 = Four.Add(sum61, a1.Z, b1);
                sum70 = Four.Add(sum70, a1.W, b0);
                sum71 = Four.Add(sum71, a1.W, b1);
            }

            Group.Barrier(); // nobody reads the tiles any more
            if (inMain)
            {
                StoreFour<ReadF32>(tileA, WideStride, boundsA, shareA, fromA0, 1);
                StoreFour<ReadF32>(tileA, WideStride, boundsA, shareA.Skip(4), fromA1, 1);
                StoreFour<TWeight>(tileB, WideStride, boundsB, shareB, fromB0, 1);
                StoreFour<TWeight>(tileB, WideStride, boundsB, shareB.Skip(4), fromB1, 1);
            }
            else if (next < tiles)
            {
                StoreFour<ReadF32>(tileA, WideStride, boundsA, shareA, fromA0, p.TailScale);
                StoreFour<ReadF32>(tileA, WideStride, boundsA, shareA.Skip(4), fromA1, p.TailScale);
                StoreFour<ReadF32>(tileB, WideStride, boundsB, shareB, fromB0, 1);
                StoreFour<ReadF32>(tileB, WideStride, boundsB, shareB.Skip(4), fromB1, 1);
            }
        }

        int row = row0 + 4 * ty, column = column0 + 4 * tx;
        StoreWide(c, bias, p, row, column, sum00, sum01);
        StoreWide(c, bias, p, row + 1, column, sum10, sum11);
        StoreWide(c, bias, p, row + 2, column, sum20, sum21);
        StoreWide(c, bias, p, row + 3, column, sum30, sum31);
        StoreWide(c, bias, p, row + 64, column, sum40, sum41);
        StoreWide(c, bias, p, row + 65, column, sum50, sum51);
        StoreWide(c, bias, p, row + 66, column, sum60, sum61);
        StoreWide(c, bias, p, row + 67, column, sum70, sum71);
    }

    private static void StoreWide(FloatView c, FloatView bias, MatMulArguments p, int row, int column, Four first, Four second)
    {
        if (row >= p.M)
            return;
        Store(c, bias, p, row, column, first.X);
        Store(c, bias, p, row, column + 1, first.Y);
        Store(c, bias, p, row, column + 2, first.Z);
        Store(c, bias, p, row, column + 3, first.W);
        Store(c, bias, p, row, column + 64, second.X);
        Store(c, bias, p, row, column + 65, second.Y);
        Store(c, bias, p, row, column + 66, second.Z);
        Store(c, bias, p, row, column + 67, second.W);
    }
}
