using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>A product, and how its operands get into shared memory.</summary>
internal struct TensorArguments
{
    public IlgpuBackend.MatMulArguments Product;
    public ulong AddressA, AddressB; // in global memory
    public int WordsA, WordsB;       // words that a copy without conversion moves, 4 or 1; 0 where elements pass through registers
}

/// <summary>
/// C = alpha (A B + tail) + (C or bias) on tensor cores, as <see cref="IlgpuBackend.MatMulArguments"/> says. Steps of 16 words of k: while a step's fragments
/// are multiplied out of one buffer, the next step's elements are on their way, as copies into the other buffer or in registers that go there afterwards.
/// </summary>
internal static class TensorKernels
{
    public static void PtxKernel<TWeight, TUnit, TTile>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, TensorArguments p)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        var tiles = SharedMemory.Allocate<uint>(TensorTile.SharedWords(TTile.Side)).AsAligned(16);
        Product<TWeight, TUnit, TTile>(tiles, tiles, c, a, b, tailA, tailB, bias, p);
    }

    /// <summary>The same with room for a unit that has no registers of its own.</summary>
    public static void EmulatedKernel<TWeight, TUnit, TTile>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, TensorArguments p)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        var tiles = SharedMemory.Allocate<uint>(TensorTile.SharedWords(TTile.Side));
        var scratch = SharedMemory.Allocate<uint>(EmulatedUnit<FormatBF16>.ScratchWords(TTile.Side));
        Product<TWeight, TUnit, TTile>(tiles, scratch, c, a, b, tailA, tailB, bias, p);
    }

    private static void Product<TWeight, TUnit, TTile>(ArrayView<uint> tiles, ArrayView<uint> scratch, FloatView c, FloatView a, DeviceWeight b, FloatView tailA,
        FloatView tailB, FloatView bias, TensorArguments p) where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32, side = TTile.Side;
        int depth = TensorTile.Words * TUnit.Elements;
        int main = (p.Product.K + depth - 1) / depth, steps = main + (p.Product.TailK + depth - 1) / depth;
        int row0 = Grid.IdxY * TensorTile.Rows(side), column0 = Grid.IdxX * TensorTile.Rows(side);
        var x = IlgpuBackend.MatrixA(a, b, p.Product);
        b.Offset = Grid.IdxZ * p.Product.BatchB;
        Words fromA0 = default, fromA1 = default, fromB0 = default, fromB1 = default; // the next step's, where they pass through registers
        TUnit.Begin(scratch);
        for (int step = -1; step < steps; step++)
        {
            int next = step + 1, bufferA = TensorTile.BufferA(next % 2, side), bufferB = TensorTile.BufferB(next % 2, side);
            bool inMain = next < main;
            int k0 = (inMain ? next : next - main) * depth, K = inMain ? p.Product.K : p.Product.TailK;
            var boundsA = new TileBounds { Row0 = row0, Rows = p.Product.M, K0 = k0, Depth = K };
            var boundsB = new TileBounds { Row0 = column0, Rows = p.Product.N, K0 = k0, Depth = K };
            var shareA = TileShare.Of(TensorTile.Rows(side), TensorTile.Words, inMain && p.Product.ColumnA != 1 ? 0 : 1);
            var shareB = TileShare.Of(TensorTile.Rows(side), TensorTile.Words, inMain ? p.Product.TransposedB : p.Product.TailRowB == 1 ? 1 : 0);
            TUnit.Wait();
            Group.Barrier(); // this step's tiles are whole, and nobody reads the other buffer any more
            if (inMain)
            {
                if (p.WordsA != 0)
                    CopyTile<TUnit, TTile>(tiles, bufferA, x, p.AddressA, boundsA, shareA.AlongK, p.WordsA);
                else
                    Load<ReadF32, TUnit, TTile>(ref fromA0, ref fromA1, x, boundsA, shareA);
                if (p.WordsB != 0)
                    CopyTile<TUnit, TTile>(tiles, bufferB, b, p.AddressB, boundsB, shareB.AlongK, p.WordsB);
                else
                    Load<TWeight, TUnit, TTile>(ref fromB0, ref fromB1, b, boundsB, shareB);
            }
            else if (next < steps)
            {
                Load<ReadF32, TUnit, TTile>(ref fromA0, ref fromA1, IlgpuBackend.MatrixTailA(tailA, b, p.Product), boundsA, shareA);
                Load<ReadF32, TUnit, TTile>(ref fromB0, ref fromB1, IlgpuBackend.MatrixTailB(tailB, b, p.Product), boundsB, shareB);
            }

            if (step >= 0)
            {
                int wordA = TensorTile.BufferA(step % 2, side) + TensorTile.Word(TensorTile.WarpRow(warp, side), 0) + TensorTile.LaneA(lane);
                int wordB = TensorTile.BufferB(step % 2, side) + TensorTile.Word(TensorTile.WarpColumn(warp, side), 0) + TensorTile.LaneB(lane);
                for (int word = 0; word < TensorTile.Words; word += TensorTile.StepWords)
                {
                    TUnit.Load(tiles, scratch, wordA + word, wordB + word);
                    TUnit.Multiply(scratch);
                }
            }

            if (inMain)
            {
                if (p.WordsA == 0)
                    Store<ReadF32, TUnit, TTile>(tiles, bufferA, fromA0, fromA1, boundsA, shareA, 1);
                if (p.WordsB == 0)
                    Store<TWeight, TUnit, TTile>(tiles, bufferB, fromB0, fromB1, boundsB, shareB, 1);
            }
            else if (next < steps)
            {
                Store<ReadF32, TUnit, TTile>(tiles, bufferA, fromA0, fromA1, boundsA, shareA, p.Product.TailScale);
                Store<ReadF32, TUnit, TTile>(tiles, bufferB, fromB0, fromB1, boundsB, shareB, 1);
            }
        }

        for (int block = 0; block < side / 2 * (side / 2); block++)
        {
            Group.Barrier(); // the sums take the place of tiles, or of sums, that are still read
            TUnit.StoreSums(tiles, scratch, TensorTile.WarpSum(warp, side) + TensorTile.LaneSum(lane), TensorTile.WarpBlock(warp, side) == block ? 1 : 0);
            Group.Barrier();
            StoreBlock(tiles, c, bias, p.Product, row0 + block / (side / 2) * TensorTile.BlockSide, column0 + block % (side / 2) * TensorTile.BlockSide, TensorTile.Threads(side));
        }
    }

    /// <summary>A thread's words of a tile: four, or in a narrow tile eight, all on their way before the first is used.</summary>
    private static void Load<TWeight, TUnit, TTile>(ref Words first, ref Words second, DeviceWeight w, TileBounds bounds, TileShare share)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        first = LoadWords<TWeight, TUnit>(w, bounds, share);
        if (TTile.Side == 2)
            second = LoadWords<TWeight, TUnit>(w, bounds, share.Skip(4));
    }

    private static Words LoadWords<TWeight, TUnit>(DeviceWeight w, TileBounds bounds, TileShare share) where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        int i1 = share.I + share.StepI, i2 = i1 + share.StepI, i3 = i2 + share.StepI;
        int k0 = share.K * TUnit.Elements, step = share.StepK * TUnit.Elements, k1 = k0 + step, k2 = k1 + step, k3 = k2 + step;
        var words = new Words
        {
            X0 = bounds.Load<TWeight>(w, share, share.I, k0), X1 = bounds.Load<TWeight>(w, share, i1, k1),
            X2 = bounds.Load<TWeight>(w, share, i2, k2), X3 = bounds.Load<TWeight>(w, share, i3, k3),
        };
        if (TUnit.Elements == 2)
        {
            words.Y0 = bounds.Load<TWeight>(w, share, share.I, k0 + 1);
            words.Y1 = bounds.Load<TWeight>(w, share, i1, k1 + 1);
            words.Y2 = bounds.Load<TWeight>(w, share, i2, k2 + 1);
            words.Y3 = bounds.Load<TWeight>(w, share, i3, k3 + 1);
        }

        return words;
    }

    /// <summary>What was loaded, rounded, to where it belongs.</summary>
    private static void Store<TWeight, TUnit, TTile>(ArrayView<uint> tiles, int tile, Words first, Words second, TileBounds bounds, TileShare share, float scale)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        StoreWords<TWeight, TUnit>(tiles, tile, first, bounds, share, scale);
        if (TTile.Side == 2)
            StoreWords<TWeight, TUnit>(tiles, tile, second, bounds, share.Skip(4), scale);
    }

    private static void StoreWords<TWeight, TUnit>(ArrayView<uint> tiles, int tile, Words words, TileBounds bounds, TileShare share, float scale)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        StoreWord<TWeight, TUnit>(tiles, tile, words.X0, words.Y0, bounds, share, share.I, share.K, scale);
        StoreWord<TWeight, TUnit>(tiles, tile, words.X1, words.Y1, bounds, share, share.I + share.StepI, share.K + share.StepK, scale);
        StoreWord<TWeight, TUnit>(tiles, tile, words.X2, words.Y2, bounds, share, share.I + 2 * share.StepI, share.K + 2 * share.StepK, scale);
        StoreWord<TWeight, TUnit>(tiles, tile, words.X3, words.Y3, bounds, share, share.I + 3 * share.StepI, share.K + 3 * share.StepK, scale);
    }

    private static void StoreWord<TWeight, TUnit>(ArrayView<uint> tiles, int tile, RawElement x, RawElement y, TileBounds bounds, TileShare share, int i, int word, float scale)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        int k = word * TUnit.Elements;
        float second = 0;
        if (TUnit.Elements == 2)
            second = bounds.Decode<TWeight>(y, share, i, k + 1, scale);
        TUnit.Store(tiles, tile + TensorTile.Word(i, word), bounds.Decode<TWeight>(x, share, i, k, scale), second);
    }

    /// <summary>
    /// A tile of elements that need no conversion: words are copied as they lie, one at a time, or four along k (K and the strides are then multiples of
    /// what four words hold, so each group of four is inside or outside as a whole).
    /// </summary>
    private static void CopyTile<TUnit, TTile>(ArrayView<uint> tiles, int tile, DeviceWeight w, ulong address, TileBounds bounds, int alongK, int words)
        where TUnit : struct, ITensorUnit where TTile : struct, ITensorTile
    {
        int rows = TensorTile.Rows(TTile.Side);
        for (int index = Group.IdxX * words; index < rows * TensorTile.Words; index += TensorTile.Threads(TTile.Side) * words)
        {
            int row = alongK != 0 ? index / TensorTile.Words : index % rows, word = alongK != 0 ? index % TensorTile.Words : index / rows;
            int i = bounds.Row0 + row, k = bounds.K0 + word * TUnit.Elements;
            int source = w.Offset + (alongK != 0 ? i * w.RowStride + k : k * w.RowStride + i);
            TUnit.Copy(tiles, tile + TensorTile.Word(row, word), w, address, source / TUnit.Elements, words, i < bounds.Rows && k < bounds.Depth ? 1 : 0);
        }
    }

    /// <summary>The sums of a block, to the elements of C from (row0, column0) on.</summary>
    private static void StoreBlock(ArrayView<uint> sums, FloatView c, FloatView bias, IlgpuBackend.MatMulArguments p, int row0, int column0, int threads)
    {
        for (int index = Group.IdxX; index < TensorTile.BlockSide * TensorTile.BlockSide; index += threads)
        {
            int i = index / TensorTile.BlockSide, j = index % TensorTile.BlockSide;
            int row = row0 + i, column = column0 + j;
            if (row < p.M && column < p.N)
            {
                int at = Grid.IdxZ * p.BatchC + row * p.RowC + column;
                float value = p.Alpha * Interop.IntAsFloat(sums[i * TensorTile.SumWords + j]);
                if (p.HasBias != 0)
                    value += bias[column];
                if (p.Accumulate != 0)
                    value += c[at];
                c[at] = value;
            }
        }
    }

    /// <summary>Four words of a tile on their way: X, and where a word has two elements Y.</summary>
    private struct Words
    {
        public RawElement X0, X1, X2, X3, Y0, Y1, Y2, Y3;
    }
}
