using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>
/// A product cut into blocks that fit the caches; everything here runs on the calling thread. The way is chosen from the shape
/// alone, and every way sums each element of C over k in an order that the blocking of M and N does not change.
/// </summary>
internal static unsafe class MatMulBlocks<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Few columns are dot products too: in narrow tiles every element of A would be broadcast for a half-empty vector.</summary>
    public const int MaxDotsColumns = 16, MinDotsK = 256;

    /// <summary>Longest run of k between two visits to C. A slab of A of this depth stays in the first-level cache.</summary>
    private const int MaxBlockK = 320;

    /// <summary>Row stride of a slab: off the power of two, so that its rows do not share cache sets.</summary>
    private const int SlabStride = MaxBlockK + 16;

    /// <summary>Whether tiles of 6 rows by 4 vectors fit the register file; 12 by 2 (or 6 by 2) otherwise.</summary>
    private static bool HasWideTiles
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => typeof(TVector) == typeof(Vector512<float>) || (typeof(TVector) == typeof(Vector128<float>) && AdvSimd.Arm64.IsSupported);
    }

    /// <summary>Columns of a panel of B.</summary>
    public static int PanelWidth => (HasWideTiles ? 4 : 2) * TSimd.Width;

    /// <summary>Rows of a slab of A: as many as the tallest tile.</summary>
    public static int SlabRows => MatMulKernel<TSimd, TVector>.MaxRows;

    /// <summary>
    /// Rows of A that pass over a panel of B together, whole slabs: with the panel they stay in the second-level cache, and a panel that
    /// comes from the third is used so many times.
    /// </summary>
    public const int BlockRows = 60;

    /// <summary>Floats of scratch that <see cref="Compute"/> needs: a block of A and a tile of C.</summary>
    public static int ComputeScratch => BlockRows * SlabStride + SlabRows * PanelWidth;

    /// <summary>Columns that <see cref="Serial"/> packs at once.</summary>
    private static int SerialColumns => 4 * PanelWidth;

    /// <summary>k between two visits to C: about equal parts, starting at whole vectors.</summary>
    public static int BlockK(int totalK)
    {
        int blocks = (totalK + MaxBlockK - 1) / MaxBlockK;
        return Math.Max(1, ((totalK + blocks - 1) / Math.Max(1, blocks) + 15) & -16);
    }

    /// <summary>Floats that B takes when packed over <paramref name="columns"/> columns.</summary>
    public static long PackedLength(int columns, int totalK) => (long)(columns + PanelWidth - 1) / PanelWidth * PanelWidth * totalK;

    /// <summary>Chooses, from the shape alone, how the product is read. Comes before <see cref="PackB"/> and <see cref="Compute"/>.</summary>
    public static void Plan(ref MatMulProduct p)
    {
        p.FirstK = 0;
        p.PackedDepth = p.TotalK;
        p.Way = MatMulWay.Packed;
        if (p.TailK > 0)
            return;
        bool alongK = !p.RoomyC && typeof(TVector) != typeof(float) && p.ColumnA == 1 && p.RowB == 1 && p.K >= TSimd.Width;
        int mostRows = p.TypeB == WeightType.F32 ? 32 : 16; // a narrow weight is widened once for every four rows
        if (alongK && (p.M <= 4 || (p.K >= MinDotsK && (p.M <= mostRows || (p.N <= MaxDotsColumns && p.TypeB == WeightType.F32)))))
            p.Way = MatMulWay.Dots;
        else if (p.ColumnB == 1 && p.M <= 2 * SlabRows && p.TypeB == WeightType.F32)
            p.Way = MatMulWay.PlainB;
    }

    /// <summary>
    /// A is read where it lies when few panels pass over it and its rows do not fall into the same cache sets: two sets will do where one
    /// panel does, of whose lines each is used up before it goes.
    /// </summary>
    private static bool UsePlainA(in MatMulProduct p, int columns) =>
        p.TailK == 0 && columns <= 6 * TSimd.Width && (p.ColumnA != 1 || (p.RowA * sizeof(float) & (columns <= PanelWidth ? 4095 : 1023)) != 0);

    /// <summary>
    /// Packs columns [startN, endN) of B, k in [startK, endK) of the packed k, as <see cref="Compute"/> reads them.
    /// <paramref name="packed"/> begins at column startN.
    /// </summary>
    public static void PackB(in MatMulProduct p, int startN, int endN, int startK, int endK, float* packed)
    {
        if (p.Way == MatMulWay.Dots)
            return;
        if (p.Way == MatMulWay.PlainB)
        {
            // Only the panel that sticks out of B.
            int whole = (endN - startN) / PanelWidth * PanelWidth;
            packed += (long)whole * p.PackedDepth;
            startN += whole;
        }

        int depth = Math.Min(endK, p.K) - startK, tail = endK - Math.Max(startK, p.K);
        for (int n = startN; n < endN; n += PanelWidth, packed += (long)PanelWidth * p.PackedDepth)
        {
            int columns = Math.Min(PanelWidth, endN - n), width = Width(p.N - n, p.RoomyC);
            if (depth > 0)
            {
                float* y = packed + (long)(startK - p.FirstK) * width;
                if (p.TypeB == WeightType.F32)
                    MatMulPacking<TSimd, TVector>.Panel(y, width, p.B + n * p.ColumnB + startK * p.RowB, p.RowB, p.ColumnB, depth, columns);
                else
                    MatMulPacking<TSimd, TVector>.WeightPanel(y, width, p, n, columns, startK, depth);
            }

            if (tail > 0)
            {
                MatMulPacking<TSimd, TVector>.Panel(packed + (long)(endK - tail - p.FirstK) * width, width,
                    p.TailB + n * p.TailColumnB + (endK - tail - p.K) * p.TailRowB, p.TailRowB, p.TailColumnB, tail, columns);
            }
        }
    }

    /// <summary>All of k.</summary>
    public static void PackB(in MatMulProduct p, int startN, int endN, float* packed) => PackB(p, startN, endN, 0, p.TotalK, packed);

    /// <summary>
    /// Rows [startM, endM) by columns [startN, endN) of C, over the k that are packed. <paramref name="packed"/> holds B from column startN on,
    /// which is a multiple of <see cref="PanelWidth"/>.
    /// </summary>
    public static void Compute(in MatMulProduct p, int startM, int endM, int startN, int endN, float* packed, float* scratch)
    {
        int totalK = p.TotalK;
        if (totalK == 0)
        {
            ComputeEmpty(p, startM, endM, startN, endN);
            return;
        }

        if (p.Way == MatMulWay.Dots)
        {
            MatMulDots<TSimd, TVector>.Compute(p, startM, endM, startN, endN);
            return;
        }

        int blockK = BlockK(totalK), endK = Math.Min(totalK, p.FirstK + p.PackedDepth);
        bool plainA = UsePlainA(p, endN - startN);
        for (int m = startM; m < endM; m += BlockRows)
        {
            int end = Math.Min(m + BlockRows, endM);
            for (int k = p.FirstK; k < endK; k += blockK)
                ComputeBlock(p, m, end, startN, endN, k, Math.Min(blockK, endK - k), plainA, packed, scratch);
        }
    }

    /// <summary>At most <see cref="BlockRows"/> rows, one run of k.</summary>
    private static void ComputeBlock(in MatMulProduct p, int startM, int endM, int startN, int endN, int k, int depth, bool plainA, float* packed, float* block)
    {
        float* edge = block + BlockRows * SlabStride;
        bool accumulate = p.Accumulate || k > 0;
        var tile = new MatMulTile { Alpha = p.Alpha, K = depth };
        if (plainA)
        {
            tile.RowA = p.RowA;
            tile.ColumnA = p.ColumnA;
        }
        else
        {
            tile.RowA = p.ColumnA == 1 ? SlabStride : 1;
            tile.ColumnA = p.ColumnA == 1 ? 1 : SlabRows;
            for (int m = startM; m < endM; m += SlabRows)
            {
                tile.A = block + (m - startM) * SlabStride;
                MatMulPacking<TSimd, TVector>.Slab(tile, p, m, Math.Min(SlabRows, endM - m), k);
            }
        }

        // The rows' next run of k comes from memory while this one is computed.
        int next = k + depth, nextDepth = Math.Min(depth, Math.Min(p.K, p.FirstK + p.PackedDepth) - next), fetched = 0;
        int fetches = plainA || nextDepth <= 0 ? 0 : LineCount(p, endM - startM, nextDepth);
        int slabs = (endM - startM + SlabRows - 1) / SlabRows;
        int share = fetches / ((endN - startN + PanelWidth - 1) / PanelWidth * slabs) + 1;

        for (int n = startN; n < endN; n += PanelWidth)
        {
            int columns = Math.Min(PanelWidth, endN - n), width = Width(p.N - n, p.RoomyC);
            if (p.Way == MatMulWay.PlainB && columns == PanelWidth)
            {
                tile.B = p.B + k * p.RowB + n;
                tile.RowB = p.RowB;
            }
            else
            {
                tile.B = packed + (long)(n - startN) * p.PackedDepth + (long)(k - p.FirstK) * width;
                tile.RowB = width;
            }

            float* bias = p.Bias == null ? null : p.Bias + n;
            bool inside = columns == width || p.RoomyC;
            tile.C = inside ? p.C + startM * p.RowC + n : edge;
            tile.RowC = inside ? p.RowC : width;
            tile.Accumulate = inside && accumulate;
            tile.Bias = inside ? bias : null;
            tile.Ahead = tile.B + (n + PanelWidth < endN ? (long)PanelWidth * p.PackedDepth : 0); // so does the next panel
            for (int m = startM; m < endM; m += SlabRows)
            {
                int rows = Math.Min(SlabRows, endM - m);
                tile.A = plainA ? p.A + m * p.RowA + k * p.ColumnA : block + (m - startM) * SlabStride;
                Run(rows, width, tile);
                for (int last = Math.Min(fetched + share, fetches); fetched < last; fetched++)
                    FetchLine(p, startM, next, endM - startM, nextDepth, fetched);
                tile.Ahead += MatMulTile.LineFloats / 2 * depth * (rows <= MatMulWideKernel<TSimd, TVector>.MaxRows ? 1 : 2);
                if (inside)
                    tile.C += SlabRows * p.RowC;
                else // the tile sticks out of C: it was computed aside, the part that lies inside is copied
                    CopyEdge(p.C + m * p.RowC + n, p.RowC, edge, width, rows, columns, accumulate, bias);
            }
        }
    }

    /// <summary>Cache lines of a block of A, at most.</summary>
    private static int LineCount(in MatMulProduct p, int rows, int depth) => p.ColumnA == 1 ? rows * Lines(depth) : depth * Lines(rows);

    private static int Lines(int floats) => (floats + MatMulTile.LineFloats - 1) / MatMulTile.LineFloats;

    /// <summary>Fetches one of <see cref="LineCount"/> lines of rows from m and k from <paramref name="k"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FetchLine(in MatMulProduct p, int m, int k, int rows, int depth, int index)
    {
        if (!Sse.IsSupported)
            return;
        float* a = p.A + m * p.RowA + k * p.ColumnA;
        var (run, line) = Math.DivRem(index, Lines(p.ColumnA == 1 ? depth : rows));
        Sse.Prefetch1(a + run * (p.ColumnA == 1 ? p.RowA : p.ColumnA) + line * MatMulTile.LineFloats);
    }

    /// <summary>The whole product on this thread. Scratch: <see cref="SerialScratch"/> floats.</summary>
    public static void Serial(MatMulProduct p, float* scratch)
    {
        Plan(ref p);
        float* packed = scratch + ComputeScratch;
        for (int n = 0; n < p.N; n += SerialColumns)
        {
            int end = Math.Min(n + SerialColumns, p.N);
            PackB(p, n, end, packed);
            Compute(p, 0, p.M, n, end, packed, scratch);
        }
    }

    public static long SerialScratch(int n, int totalK) => ComputeScratch + PackedLength(Math.Min(n, SerialColumns), totalK);

    /// <summary>
    /// Width of the panel that so many columns of B are left for: whole vectors, or one of half the size (not when C is roomy: its
    /// rows are then filled in whole vectors).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Width(int columns, bool roomyC)
    {
        if (columns > TSimd.Width)
            return Math.Min(PanelWidth, (columns + TSimd.Width - 1) / TSimd.Width * TSimd.Width);
        bool half = !roomyC && (typeof(TVector) == typeof(Vector512<float>) || typeof(TVector) == typeof(Vector256<float>));
        return half && columns <= TSimd.Width / 2 ? TSimd.Width / 2 : TSimd.Width;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run(int rows, int width, in MatMulTile tile)
    {
        if (HasWideTiles && width > 2 * TSimd.Width)
            RunWide(rows, width, tile);
        else if (width >= TSimd.Width)
            MatMulKernel<TSimd, TVector>.Run(rows, width == TSimd.Width, tile);
        else if (typeof(TVector) == typeof(Vector512<float>))
            MatMulKernel<Simd256, Vector256<float>>.Run(rows, narrow: true, tile);
        else
            MatMulKernel<Simd128, Vector128<float>>.Run(rows, narrow: true, tile);
    }

    /// <summary>Rows of a slab in tiles of about the same height.</summary>
    private static void RunWide(int rows, int width, MatMulTile tile)
    {
        bool four = width == 4 * TSimd.Width;
        if (rows <= MatMulWideKernel<TSimd, TVector>.MaxRows)
        {
            MatMulWideKernel<TSimd, TVector>.Run(rows, four, tile);
            return;
        }

        int upper = (rows + 1) / 2;
        MatMulWideKernel<TSimd, TVector>.Run(upper, four, tile);
        tile.A += upper * tile.RowA;
        tile.C += upper * tile.RowC;
        tile.Ahead += MatMulTile.LineFloats / 2 * tile.K;
        MatMulWideKernel<TSimd, TVector>.Run(rows - upper, four, tile);
    }

    /// <summary>K is 0: C is the bias or 0, or stays when accumulating.</summary>
    private static void ComputeEmpty(in MatMulProduct p, int startM, int endM, int startN, int endN)
    {
        if (p.Accumulate)
            return;
        for (int m = startM; m < endM; m++)
        {
            for (int n = startN; n < endN; n++)
                p.C[m * p.RowC + n] = p.Bias == null ? 0 : p.Bias[n];
        }
    }

    private static void CopyEdge(float* c, nint rowC, float* edge, int width, int rows, int columns, bool accumulate, float* bias)
    {
        for (int m = 0; m < rows; m++, c += rowC, edge += width)
        {
            float* start = accumulate ? c : bias;
            if (start == null)
            {
                for (int n = 0; n < columns; n++)
                    c[n] = edge[n];
            }
            else
            {
                for (int n = 0; n < columns; n++)
                    c[n] = start[n] + edge[n];
            }
        }
    }
}
