namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>
/// Where everything lies in the tensor-core product's shared memory, in words of 32 bits: two bfloat16 or one tf32 of consecutive k. Pure
/// functions, used by the kernel and by the tests that stand in for a warp. In words, m16n8k16 on bf16 and m16n8k8 on tf32 have the same
/// fragments, so one layout serves both.
/// </summary>
/// <remarks>
/// A group of <c>side</c> x <c>side</c> warps (2: 64 x 64 elements of C; 4: 128 x 128), a warp 32 x 32 elements: two fragments of A (16 rows each) by four of
/// B (8 columns each). Both tiles are held with k along the row. Fragments: PTX ISA, "Matrix fragments for mma.m16n8k16" and "... m16n8k8"; "ldmatrix".
/// </remarks>
internal static class TensorTile
{
    /// <summary>Rows and columns of C that a warp computes.</summary>
    public const int WarpSide = 32;

    /// <summary>Rows and columns of C whose sums lie in shared memory at a time: those of four warps.</summary>
    public const int BlockSide = 2 * WarpSide;

    /// <summary>Words of k in a row of a tile: two steps of the instruction.</summary>
    public const int Words = 16;

    /// <summary>Words of k that one instruction takes.</summary>
    public const int StepWords = 8;

    /// <summary>From row to row: a multiple of 16 bytes, as ldmatrix and cp.async ask, and 8 rows of 16 bytes meet every bank once.</summary>
    public const int RowWords = Words + 4;

    /// <summary>From row to row of the sums of a block, which take the place of the tiles at the end.</summary>
    public const int SumWords = BlockSide + 8;

    /// <summary>Rows of A in a fragment.</summary>
    public const int FragmentRows = 16;

    /// <summary>Columns of B in a fragment.</summary>
    public const int FragmentColumns = 8;

    public static int Threads(int side) => 32 * side * side;

    /// <summary>Rows of A's tile and of B's (columns of the product).</summary>
    public static int Rows(int side) => WarpSide * side;

    /// <summary>One tile; there are two buffers of A, then two of B.</summary>
    public static int TileWords(int side) => Rows(side) * RowWords;

    public static int SharedWords(int side) => 4 * TileWords(side);

    public static int BufferA(int buffer, int side) => buffer * TileWords(side);

    public static int BufferB(int buffer, int side) => (2 + buffer) * TileWords(side);

    public static int Word(int row, int word) => row * RowWords + word;

    /// <summary>First row of C, within the tile, that a warp computes.</summary>
    public static int WarpRow(int warp, int side) => warp / side * WarpSide;

    /// <summary>First column of C, within the tile, that a warp computes.</summary>
    public static int WarpColumn(int warp, int side) => warp % side * WarpSide;

    /// <summary>The block of four warps that a warp's sums are stored with, row by row.</summary>
    public static int WarpBlock(int warp, int side) => WarpRow(warp, side) / BlockSide * (side / 2) + WarpColumn(warp, side) / BlockSide;

    /// <summary>
    /// What a lane gives ldmatrix.x4 for 16 rows of A by 8 words: lanes 8 j to 8 j + 7 name the rows of matrix j, and the matrices are (rows
    /// 0-7, words 0-3), (8-15, 0-3), (0-7, 4-7), (8-15, 4-7): a0 to a3.
    /// </summary>
    public static int LaneA(int lane) => Word(lane / 8 % 2 * 8 + lane % 8, lane / 16 * 4);

    /// <summary>The same for 16 columns of B, two fragments: (columns 0-7, words 0-3), (0-7, 4-7), (8-15, 0-3), (8-15, 4-7): b0, b1, b0', b1'.</summary>
    public static int LaneB(int lane) => Word(lane / 16 * 8 + lane % 8, lane / 8 % 2 * 4);

    /// <summary>Where c0 and c1 of a lane lie in a fragment of sums; c2 and c3 are 8 rows further.</summary>
    public static int LaneSum(int lane) => lane / 4 * SumWords + lane % 4 * 2;

    /// <summary>Where a warp's sums start, within its block.</summary>
    public static int WarpSum(int warp, int side) => WarpRow(warp, side) % BlockSide * SumWords + WarpColumn(warp, side) % BlockSide;
}

/// <summary>Warps along each side of a group's tile.</summary>
internal interface ITensorTile
{
    static abstract int Side { get; }
}

/// <summary>64 x 64, 128 threads: for products that leave a device of larger tiles idle.</summary>
internal readonly struct NarrowTile : ITensorTile
{
    public static int Side => 2;
}

/// <summary>128 x 128, 512 threads: half the reads of global memory for each multiplication.</summary>
internal readonly struct WideTile : ITensorTile
{
    public static int Side => 4;
}
