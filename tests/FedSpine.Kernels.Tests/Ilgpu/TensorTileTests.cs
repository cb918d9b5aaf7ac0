using System.Runtime.InteropServices;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Ilgpu.Tensor;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>
/// A group of the tensor-core product, warp by warp, with the kernel's own index functions and the very text of its instructions, against
/// the fragments that the PTX ISA documents and a double-precision product.
/// </summary>
public sealed class TensorTileTests
{
    private const uint SharedAddress = 1024; // where a driver may put it

    public static TheoryData<MatMulPrecision, int, int, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<MatMulPrecision, int, int, int, int>();
            foreach (var precision in new[] { MatMulPrecision.BF16, MatMulPrecision.TF32 })
                foreach (var (M, N, K) in new[] { (64, 64, 64), (64, 64, 32), (1, 1, 1), (64, 64, 77), (63, 61, 31), (17, 33, 16), (33, 9, 5), (16, 8, 15) })
                    data.Add(precision, M, N, K, NarrowTile.Side);
            foreach (var precision in new[] { MatMulPrecision.BF16, MatMulPrecision.TF32 })
                foreach (var (M, N, K) in new[] { (128, 128, 64), (127, 97, 45), (65, 128, 16) })
                    data.Add(precision, M, N, K, WideTile.Side);
            return data;
        }
    }

    /// <summary>Every element of C is where the kernel takes it from, whatever M, N and K leave of the tiles.</summary>
    [Theory, MemberData(nameof(Shapes))]
    public void WarpsMultiplyAsDocumented(MatMulPrecision precision, int M, int N, int K, int side)
    {
        bool bf16 = precision == MatMulPrecision.BF16;
        int elements = bf16 ? PtxBF16.Elements : PtxTF32.Elements, depth = TensorTile.Words * elements;
        float[] a = TestData.Uniform(M * K, 1), b = TestData.Uniform(N * K, 2);
        var shared = new byte[TensorTile.SharedWords(side) * 4];
        Array.Fill(shared, (byte)0xFF); // NaN, until it is written
        var warps = Enumerable.Range(0, TensorTile.Threads(side) / 32).Select(_ => new PtxWarp(shared, [], TensorPtx.SharedName, SharedAddress)).ToArray();
        foreach (var warp in warps)
            warp.Run(TensorPtx.Begin);
        for (int step = 0; step * depth < K; step++)
        {
            Fill(TensorTile.BufferA(step % 2, side), a, M, step, alongK: step % 2);
            Fill(TensorTile.BufferB(step % 2, side), b, N, step, alongK: 1);
            for (int w = 0; w < warps.Length; w++)
            {
                int warp = w;
                for (int word = 0; word < TensorTile.Words; word += TensorTile.StepWords)
                {
                    int at = word;
                    warps[w].Run(TensorPtx.Load,
                        Lanes(lane => TensorTile.BufferA(step % 2, side) + TensorTile.Word(TensorTile.WarpRow(warp, side), 0) + TensorTile.LaneA(lane) + at),
                        Lanes(lane => TensorTile.BufferB(step % 2, side) + TensorTile.Word(TensorTile.WarpColumn(warp, side), 0) + TensorTile.LaneB(lane) + at));
                    warps[w].Run(bf16 ? TensorPtx.MultiplyBF16 : TensorPtx.MultiplyTF32);
                }
            }
        }

        var sums = new float[TensorTile.Rows(side), TensorTile.Rows(side)];
        for (int block = 0; block < side / 2 * (side / 2); block++)
        {
            for (int w = 0; w < warps.Length; w++)
            {
                int warp = w;
                if (TensorTile.WarpBlock(w, side) == block)
                    warps[w].Run(TensorPtx.StoreSums, Lanes(lane => TensorTile.WarpSum(warp, side) + TensorTile.LaneSum(lane)));
            }

            for (int i = 0; i < TensorTile.BlockSide; i++)
                for (int j = 0; j < TensorTile.BlockSide; j++)
                    sums[block / (side / 2) * TensorTile.BlockSide + i, block % (side / 2) * TensorTile.BlockSide + j] = MemoryMarshal.Cast<byte, float>(shared)[i * TensorTile.SumWords + j];
        }

        for (int i = 0; i < TensorTile.Rows(side); i++)
        {
            for (int j = 0; j < TensorTile.Rows(side); j++)
            {
                double expected = 0, magnitude = 0;
                for (int k = 0; k < K && i < M && j < N; k++)
                {
                    double product = Rounded(a[i * K + k], precision) * Rounded(b[j * K + k], precision);
                    expected += product;
                    magnitude += Math.Abs(product);
                }

                float actual = sums[i, j];
                Assert.True(Math.Abs(actual - expected) <= 1e-6 * magnitude, $"C[{i}, {j}] is {actual}, expected {expected}");
            }
        }

        int FillRow(int index, int alongK) => alongK != 0 ? index / TensorTile.Words : index % TensorTile.Rows(side);

        int FillWord(int index, int alongK) => alongK != 0 ? index % TensorTile.Words : index / TensorTile.Rows(side);

        void Fill(int tile, float[] x, int rows, int step, int alongK)
        {
            for (int index = 0; index < TensorTile.Rows(side) * TensorTile.Words; index += 32)
            {
                int first = index;
                float Element(int lane, int part)
                {
                    int row = FillRow(first + lane, alongK), k = step * depth + FillWord(first + lane, alongK) * elements + part;
                    return row < rows && k < K ? x[row * K + k] : 0;
                }

                var words = Lanes(lane => tile + TensorTile.Word(FillRow(first + lane, alongK), FillWord(first + lane, alongK)));
                var even = Lanes(lane => BitConverter.SingleToInt32Bits(Element(lane, 0)));
                if (bf16)
                    warps[0].Run(TensorPtx.StoreBF16, words, even, Lanes(lane => BitConverter.SingleToInt32Bits(Element(lane, 1))));
                else
                    warps[0].Run(TensorPtx.StoreTF32, words, even);
            }
        }
    }

    [Fact]
    public void CopiesArriveWhereTheyShouldWithZerosOutside()
    {
        var shared = new byte[TensorTile.SharedWords(NarrowTile.Side) * 4];
        Array.Fill(shared, (byte)0xFF);
        var global = Enumerable.Range(0, 1024).Select(i => (byte)i).ToArray();
        var warp = new PtxWarp(shared, global, TensorPtx.SharedName, SharedAddress);
        warp.Run(TensorPtx.Begin);
        warp.Run(TensorPtx.Copy16, Lanes(lane => TensorTile.Word(lane, 4)), Lanes(lane => 16 * lane), Lanes(lane => lane % 3 == 0 ? 0 : 16));
        warp.Run(TensorPtx.Copy4, Lanes(lane => TensorTile.Word(lane, 9)), Lanes(lane => 512 + 4 * lane), Lanes(lane => lane % 2 == 0 ? 0 : 4));
        Assert.Equal(0xFF, shared[TensorTile.Word(0, 4) * 4]); // not before they are waited for
        warp.Run(TensorPtx.Wait);
        for (int lane = 0; lane < 32; lane++)
        {
            Assert.Equal(lane % 3 == 0 ? new byte[16] : global[(16 * lane)..(16 * lane + 16)], shared.AsSpan(TensorTile.Word(lane, 4) * 4, 16).ToArray());
            Assert.Equal(lane % 2 == 0 ? new byte[4] : global[(512 + 4 * lane)..(516 + 4 * lane)], shared.AsSpan(TensorTile.Word(lane, 9) * 4, 4).ToArray());
        }
    }

    /// <summary>The even k is the lower half, as it lies in a row of bfloat16 that is copied unchanged.</summary>
    [Fact]
    public void PairsAreStoredAsTheyLieInMemory()
    {
        var shared = new byte[TensorTile.SharedWords(NarrowTile.Side) * 4];
        var warp = new PtxWarp(shared, [], TensorPtx.SharedName, SharedAddress);
        warp.Run(TensorPtx.Begin);
        warp.Run(TensorPtx.StoreBF16, Lanes(lane => lane), Lanes(_ => BitConverter.SingleToInt32Bits(1)), Lanes(_ => BitConverter.SingleToInt32Bits(2.001f)));
        Assert.All(MemoryMarshal.Cast<byte, uint>(shared)[..32].ToArray(), word => Assert.Equal(0x40003F80u, word));
        Assert.Equal(0x40003F80u, FormatBF16.Pack(1, 2.001f));
    }

    /// <summary>Eight rows of 16 bytes, as ldmatrix reads them, meet each of the 32 banks once; so do the pairs of sums of half a warp.</summary>
    [Fact]
    public void SharedMemoryIsReadWithoutConflicts()
    {
        for (int word = 0; word < TensorTile.Words; word += 4)
            Assert.Equal(32, Enumerable.Range(0, 8).SelectMany(row => Enumerable.Range(0, 4).Select(i => (TensorTile.Word(row, word) + i) % 32)).Distinct().Count());
        foreach (int half in new[] { 0, 16 })
            Assert.Equal(32, Enumerable.Range(half, 16).SelectMany(lane => new[] { TensorTile.LaneSum(lane), TensorTile.LaneSum(lane) + 1 }.Select(w => w % 32)).Distinct().Count());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void EveryWordIsFilledOnceAndTheSumsFit(int side)
    {
        int rows = TensorTile.Rows(side), threads = TensorTile.Threads(side), each = rows * TensorTile.Words / threads;
        foreach (int alongK in new[] { 0, 1 })
        {
            var words = Enumerable.Range(0, threads).Select(thread => TileShare.Of(rows, TensorTile.Words, alongK, thread, threads))
                .SelectMany(share => Enumerable.Range(0, each).Select(share.Skip)).Select(share => (share.I, share.K)).ToHashSet();
            Assert.Equal(rows * TensorTile.Words, words.Count);
            Assert.All(words, w => Assert.True(w.I < rows && w.K < TensorTile.Words));
        }

        Assert.True(TensorTile.BlockSide * TensorTile.SumWords <= TensorTile.SharedWords(side));
        // Every warp has a place of its own: in one of the blocks, and there.
        int warps = side * side;
        Assert.Equal(warps, Enumerable.Range(0, warps).Select(w => (TensorTile.WarpBlock(w, side), TensorTile.WarpSum(w, side))).Distinct().Count());
        Assert.All(Enumerable.Range(0, warps), w => Assert.InRange(TensorTile.WarpBlock(w, side), 0, warps / 4 - 1));
        Assert.Equal(0, TensorTile.Rows(side) * TensorTile.Words % (4 * TensorTile.Threads(side))); // a thread reads four words, or eight
        Assert.Equal(0, TensorTile.RowWords % 4); // 16 bytes
    }

    [Theory]
    [InlineData(64ul, true, 64, 64, 0, 1, 4)]
    [InlineData(68ul, true, 64, 64, 0, 1, 1)]   // a slice that starts anywhere
    [InlineData(64ul, true, 62, 64, 0, 1, 1)]   // K ends within 16 bytes
    [InlineData(64ul, true, 64, 64, 2, 1, 1)]
    [InlineData(64ul, false, 64, 64, 0, 1, 1)]
    [InlineData(64ul, true, 64, 64, 0, 2, 4)]
    [InlineData(64ul, true, 68, 68, 0, 2, 1)]
    [InlineData(64ul, true, 33, 33, 0, 2, 0)]   // rows of an odd number of halves
    [InlineData(66ul, true, 64, 64, 0, 2, 0)]
    public void CopiesAreAsWideAsAlignmentAllows(ulong address, bool alongK, int K, int stride, int batchStride, int elements, int words) =>
        Assert.Equal(words, IlgpuBackend.CopyWords(address, alongK, K, stride, batchStride, elements));

    private static double Rounded(float x, MatMulPrecision precision)
    {
        int kept = precision == MatMulPrecision.BF16 ? 8 : 11; // bits of significand
        if (x == 0)
            return 0;
        double unit = Math.ScaleB(1, Math.ILogB(x) - kept + 1);
        return Math.Round(x / unit, precision == MatMulPrecision.BF16 ? MidpointRounding.ToEven : MidpointRounding.AwayFromZero) * unit;
    }

    private static ulong[] Lanes(Func<int, int> value) => [.. Enumerable.Range(0, 32).Select(lane => (ulong)(uint)value(lane))];
}
