namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>
/// Where everything lies in the tensor-core product's shared memory, in words of 32 bits: two bfloat16 or one tf32 of consecutive k. Pure
/// functions, used by the kernel and by the tests that stand in for a warp. In words, m16n8k16 on bf16 and m16n8k8 on tf32 have the same
/// fragments, so one layout serves both.
/// </summary>
/// <remarks>
/// A group of four warps computes 64 x 64 elements of C, a warp 32 x 32 of them: two fragments of A (16 rows each) by four of B (8 columns
/// each). Both tiles are held with k along the row. Fragments: PTX ISA, "Matrix fragments for mma.m16n8k16" and "... m16n8k8"; "ldmatrix".
/// </remarks>
internal static class TensorTile
{
    public const int Threads = 128;

    /// <summary>Rows of A's tile and of B's (columns of the product).</summary>
    public const int Rows = 64;

    /// <summary>Words of k in a row of a tile: two steps of the instruction.</summary>
    public const int Words = 16;

    /// <summary>Words of k that one instruction takes.</summary>
    public const int StepWords = 8;

    /// <summary>From row to row: a multiple of 16 bytes, as ldmatrix and cp.async ask, and 8 rows of 16 bytes meet every bank once.</summary>
    public const int RowWords = Words + 4;

    /// <summary>One tile; there are two buffers of A, then two of B.</summary>
    public const int TileWords = Rows * RowWords;

    public const int SharedWords = 4 * TileWords;

    /// <summary>From row to row of the sums (64 x 64), which take the place of the tiles at the end.</summary>
    public const int SumWords = Rows + 8;

    /// <summary>Rows of A in a fragment.</summary>
    public const int FragmentRows = 16;

    /// <summary>Columns of B in a fragment.</summary>
    public const int FragmentColumns = 8;

    public static int BufferA(int buffer) => buffer * TileWords;

    public static int BufferB(int buffer) => (2 + buffer) * TileWords;

    public static int Word(int row, int word) => row * RowWords + word;

    /// <summary>First row of C, within the tile, that a warp computes.</summary>
    public static int WarpRow(int warp) => warp / 2 * 32;

    /// <summary>First column of C, within the tile, that a warp computes.</summary>
    public static int WarpColumn(int warp) => warp % 2 * 32;

    /// <summary>
    /// What a lane gives ldmatrix.x4 for 16 rows of A by 8 words: lanes 8 j to 8 j + 7 name the rows of matrix j, and the matrices are (rows
    /// 0-7, words 0-3), (8-15, 0-3), (0-7, 4-7), (8-15, 4-7): a0 to a3.
    /// </summary>
    public static int LaneA(int lane) => Word(lane / 8 % 2 * 8 + lane % 8, lane / 16 * 4);

    /// <summary>The same for 16 columns of B, two fragments: (columns 0-7, words 0-3), (0-7, 4-7), (8-15, 0-3), (8-15, 4-7): b0, b1, b0', b1'.</summary>
    public static int LaneB(int lane) => Word(lane / 16 * 8 + lane % 8, lane / 8 % 2 * 4);

    /// <summary>Where c0 and c1 of a lane lie in a fragment of sums; c2 and c3 are 8 rows further.</summary>
    public static int LaneSum(int lane) => lane / 4 * SumWords + lane % 4 * 2;

    /// <summary>Where a warp's sums start.</summary>
    public static int WarpSum(int warp) => WarpRow(warp) * SumWords + WarpColumn(warp);

    /// <summary>The row that thread-step <paramref name="index"/> fills: neighbouring threads read along k where k is what lies together.</summary>
    public static int FillRow(int index, int alongK) => alongK != 0 ? index / Words : index % Rows;

    /// <summary>The word that thread-step <paramref name="index"/> fills.</summary>
    public static int FillWord(int index, int alongK) => alongK != 0 ? index % Words : index / Rows;
}
