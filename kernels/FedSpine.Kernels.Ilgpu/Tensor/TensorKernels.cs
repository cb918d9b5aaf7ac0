using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>A product, and how its operands get into shared memory.</summary>
internal struct TensorArguments
{
    public IlgpuBackend.MatMulArguments Product;
    public ulong AddressA, AddressB; // in global memory
    public int WordsA, WordsB;       // words that a copy without conversion moves, 4 or 1; B: 0 where elements pass through registers
}

/// <summary>
/// C = alpha (A B + tail) + (C or bias) on tensor cores, as <see cref="IlgpuBackend.MatMulArguments"/> says. Tiles of 64 x 64 by 16 words of k;
/// while a step's fragments are multiplied out of one buffer, the next step's tiles are loaded into the other.
/// </summary>
internal static class TensorKernels
{
    public static void PtxKernel<TWeight, TUnit>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, TensorArguments p)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        var tiles = SharedMemory.Allocate<uint>(TensorTile.SharedWords).AsAligned(16);
        Product<TWeight, TUnit>(tiles, tiles, c, a, b, tailA, tailB, bias, p);
    }

    /// <summary>The same with room for a unit that has no registers of its own.</summary>
    public static void EmulatedKernel<TWeight, TUnit>(FloatView c, FloatView a, DeviceWeight b, FloatView tailA, FloatView tailB, FloatView bias, TensorArguments p)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        var tiles = SharedMemory.Allocate<uint>(TensorTile.SharedWords);
        var scratch = SharedMemory.Allocate<uint>(EmulatedUnit<FormatBF16>.ScratchWords);
        Product<TWeight, TUnit>(tiles, scratch, c, a, b, tailA, tailB, bias, p);
    }

    private static void Product<TWeight, TUnit>(ArrayView<uint> tiles, ArrayView<uint> scratch, FloatView c, FloatView a, DeviceWeight b, FloatView tailA,
        FloatView tailB, FloatView bias, TensorArguments p) where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32;
        int depth = TensorTile.Words * TUnit.Elements;
        int main = (p.Product.K + depth - 1) / depth, steps = main + (p.Product.TailK + depth - 1) / depth;
        var x = new DeviceWeight
        {
            Floats = a, Halves = b.Halves, Offset = Grid.IdxZ * p.Product.BatchA,
            RowStride = p.Product.ColumnA == 1 ? p.Product.RowA : p.Product.ColumnA,
        };
        b.Offset = Grid.IdxZ * p.Product.BatchB;
        TUnit.Begin(scratch);
        if (steps > 0)
            LoadStep<TWeight, TUnit>(tiles, x, b, tailA, tailB, p, 0, main, depth);
        for (int step = 0; step < steps; step++)
        {
            TUnit.Wait();
            Group.Barrier(); // this step's tiles are whole, and nobody reads the other buffer any more
            if (step + 1 < steps)
                LoadStep<TWeight, TUnit>(tiles, x, b, tailA, tailB, p, step + 1, main, depth);
            int wordA = TensorTile.BufferA(step % 2) + TensorTile.Word(TensorTile.WarpRow(warp), 0) + TensorTile.LaneA(lane);
            int wordB = TensorTile.BufferB(step % 2) + TensorTile.Word(TensorTile.WarpColumn(warp), 0) + TensorTile.LaneB(lane);
            for (int word = 0; word < TensorTile.Words; word += TensorTile.StepWords)
            {
                TUnit.Load(tiles, scratch, wordA + word, wordB + word);
                TUnit.Multiply(scratch);
            }
        }

        Group.Barrier(); // the sums take the place of tiles that are still read
        TUnit.StoreSums(tiles, scratch, TensorTile.WarpSum(warp) + TensorTile.LaneSum(lane));
        Group.Barrier();
        StoreTile(tiles, c, bias, p.Product);
    }

    /// <summary>Both tiles of a step: of the product, or of its tail.</summary>
    private static void LoadStep<TWeight, TUnit>(ArrayView<uint> tiles, DeviceWeight x, DeviceWeight b, FloatView tailA, FloatView tailB, TensorArguments p,
        int step, int main, int depth) where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        int row0 = Grid.IdxY * TensorTile.Rows, column0 = Grid.IdxX * TensorTile.Rows;
        int tileA = TensorTile.BufferA(step % 2), tileB = TensorTile.BufferB(step % 2);
        if (step < main)
        {
            int k0 = step * depth, alongA = p.Product.ColumnA == 1 ? 1 : 0;
            if (TUnit.Elements == 1) // float32 is rounded in the registers; two elements a word must be rounded on the way
                CopyTile<TUnit>(tiles, tileA, x, p.AddressA, row0, p.Product.M, k0, p.Product.K, alongA, p.WordsA);
            else
                FillTile<ReadF32, TUnit>(tiles, tileA, x, row0, p.Product.M, k0, p.Product.K, alongA, 1);
            if (p.WordsB != 0)
                CopyTile<TUnit>(tiles, tileB, b, p.AddressB, column0, p.Product.N, k0, p.Product.K, p.Product.TransposedB, p.WordsB);
            else
                FillTile<TWeight, TUnit>(tiles, tileB, b, column0, p.Product.N, k0, p.Product.K, p.Product.TransposedB, 1);
        }
        else
        {
            int k0 = (step - main) * depth, alongB = p.Product.TailRowB == 1 ? 1 : 0;
            var tail = new DeviceWeight { Floats = tailA, Halves = b.Halves, RowStride = p.Product.TailK };
            FillTile<ReadF32, TUnit>(tiles, tileA, tail, row0, p.Product.M, k0, p.Product.TailK, 1, p.Product.TailScale);
            tail.Floats = tailB;
            tail.RowStride = alongB != 0 ? p.Product.TailColumnB : p.Product.TailRowB;
            FillTile<ReadF32, TUnit>(tiles, tileB, tail, column0, p.Product.N, k0, p.Product.TailK, alongB, 1);
        }
    }

    /// <summary>
    /// tile[i, k] = scale w(start + i, k0 + k), 0 outside (rows, K), where rows of w are i if <paramref name="alongK"/>, else k. A thread
    /// reads four words before it stores one.
    /// </summary>
    private static void FillTile<TWeight, TUnit>(ArrayView<uint> tiles, int tile, DeviceWeight w, int start, int rows, int k0, int K, int alongK, float scale)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        for (int index = Group.IdxX; index < TensorTile.Rows * TensorTile.Words; index += 4 * TensorTile.Threads)
        {
            int index1 = index + TensorTile.Threads, index2 = index + 2 * TensorTile.Threads, index3 = index + 3 * TensorTile.Threads;
            float x0 = Element<TWeight, TUnit>(w, index, 0, start, rows, k0, K, alongK, scale), y0 = 0;
            float x1 = Element<TWeight, TUnit>(w, index1, 0, start, rows, k0, K, alongK, scale), y1 = 0;
            float x2 = Element<TWeight, TUnit>(w, index2, 0, start, rows, k0, K, alongK, scale), y2 = 0;
            float x3 = Element<TWeight, TUnit>(w, index3, 0, start, rows, k0, K, alongK, scale), y3 = 0;
            if (TUnit.Elements == 2)
            {
                y0 = Element<TWeight, TUnit>(w, index, 1, start, rows, k0, K, alongK, scale);
                y1 = Element<TWeight, TUnit>(w, index1, 1, start, rows, k0, K, alongK, scale);
                y2 = Element<TWeight, TUnit>(w, index2, 1, start, rows, k0, K, alongK, scale);
                y3 = Element<TWeight, TUnit>(w, index3, 1, start, rows, k0, K, alongK, scale);
            }

            TUnit.Store(tiles, tile + TensorTile.Word(TensorTile.FillRow(index, alongK), TensorTile.FillWord(index, alongK)), x0, y0);
            TUnit.Store(tiles, tile + TensorTile.Word(TensorTile.FillRow(index1, alongK), TensorTile.FillWord(index1, alongK)), x1, y1);
            TUnit.Store(tiles, tile + TensorTile.Word(TensorTile.FillRow(index2, alongK), TensorTile.FillWord(index2, alongK)), x2, y2);
            TUnit.Store(tiles, tile + TensorTile.Word(TensorTile.FillRow(index3, alongK), TensorTile.FillWord(index3, alongK)), x3, y3);
        }
    }

    /// <summary>Element <paramref name="part"/> of the word that a thread-step fills. Outside, the first element is read and not used.</summary>
    private static float Element<TWeight, TUnit>(DeviceWeight w, int index, int part, int start, int rows, int k0, int K, int alongK, float scale)
        where TWeight : struct, IWeightReader where TUnit : struct, ITensorUnit
    {
        int i = start + TensorTile.FillRow(index, alongK), k = k0 + TensorTile.FillWord(index, alongK) * TUnit.Elements + part;
        bool inside = i < rows && k < K;
        int row = alongK != 0 ? i : k, column = alongK != 0 ? k : i;
        float value = TWeight.At(w, inside ? row : 0, inside ? column : 0);
        return inside ? scale * value : 0;
    }

    /// <summary>
    /// The same for elements that need no conversion: words are copied as they lie, one at a time, or four along k (K and the strides are
    /// then multiples of what four words hold, so each group of four is inside or outside as a whole).
    /// </summary>
    private static void CopyTile<TUnit>(ArrayView<uint> tiles, int tile, DeviceWeight w, ulong address, int start, int rows, int k0, int K, int alongK, int words)
        where TUnit : struct, ITensorUnit
    {
        for (int index = Group.IdxX * words; index < TensorTile.Rows * TensorTile.Words; index += TensorTile.Threads * words)
        {
            int row = TensorTile.FillRow(index, alongK), word = TensorTile.FillWord(index, alongK);
            int i = start + row, k = k0 + word * TUnit.Elements;
            int source = w.Offset + (alongK != 0 ? i * w.RowStride + k : k * w.RowStride + i);
            TUnit.Copy(tiles, tile + TensorTile.Word(row, word), w, address, source / TUnit.Elements, words, i < rows && k < K ? 1 : 0);
        }
    }

    private static void StoreTile(ArrayView<uint> sums, FloatView c, FloatView bias, IlgpuBackend.MatMulArguments p)
    {
        for (int index = Group.IdxX; index < TensorTile.Rows * TensorTile.Rows; index += TensorTile.Threads)
        {
            int i = index / TensorTile.Rows, j = index % TensorTile.Rows;
            int row = Grid.IdxY * TensorTile.Rows + i, column = Grid.IdxX * TensorTile.Rows + j;
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
}
