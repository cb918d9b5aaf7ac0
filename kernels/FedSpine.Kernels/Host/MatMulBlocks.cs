using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
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

    /// <summary>Most slabs that one task passes over its columns of C.</summary>
    public const int MaxTaskSlabs = 8;

    /// <summary>Most columns of C that one task computes, so that its block of B stays in the second-level cache.</summary>
    public static int TaskColumns => 16 * TSimd.Width;

    /// <summary>Floats of scratch that <see cref="Compute"/> needs: a slab of A and a tile of C.</summary>
    public static int ComputeScratch => SlabRows * SlabStride + SlabRows * PanelWidth;

    /// <summary>Floats that B takes when packed over <paramref name="columns"/> columns.</summary>
    public static long PackedLength(int columns, int totalK) => (long)(columns + PanelWidth - 1) / PanelWidth * PanelWidth * totalK;

    /// <summary>Chooses, from the shape alone, how the product is read. Comes before <see cref="PackB"/> and <see cref="Compute"/>.</summary>
    public static void Plan(ref MatMulProduct p)
    {
        p.PackedDepth = p.TotalK;
        p.Way = MatMulWay.Packed;
        if (p.TailK > 0)
            return;
        bool alongK = !p.RoomyC && typeof(TVector) != typeof(float) && p.ColumnA == 1 && p.RowB == 1 && p.K >= TSimd.Width;
        int mostRows = p.TypeB == WeightType.F32 ? 32 : 16; // a narrow weight is widened once for every four rows
        if (alongK && (p.M <= 4 || (p.M <= mostRows && p.K >= 256)))
            p.Way = MatMulWay.Dots;
        else if (p.ColumnB == 1 && p.M <= 2 * SlabRows && p.TypeB == WeightType.F32)
            p.Way = MatMulWay.PlainB;
    }

    /// <summary>A is read where it lies when few panels pass over it and its rows do not fall into the same cache sets.</summary>
    private static bool UsePlainA(in MatMulProduct p, int columns) =>
        p.TailK == 0 && columns <= 6 * TSimd.Width && (p.ColumnA != 1 || (p.RowA * sizeof(float) & 1023) != 0);

    /// <summary>Packs columns [start, end) of B as <see cref="Compute"/> reads them.</summary>
    public static void PackB(in MatMulProduct p, int start, int end, float* packed)
    {
        if (p.Way == MatMulWay.Dots)
            return;
        if (p.Way == MatMulWay.PlainB)
        {
            // Only the panel that sticks out of B.
            int whole = (end - start) / PanelWidth * PanelWidth;
            packed += (long)whole * p.PackedDepth;
            start += whole;
        }

        for (int n = start; n < end; n += PanelWidth, packed += (long)PanelWidth * p.PackedDepth)
        {
            int columns = Math.Min(PanelWidth, end - n), width = Width(p.N - n, p.RoomyC);
            if (p.TypeB == WeightType.F32)
                MatMulPacking<TSimd, TVector>.Panel(packed, width, p.B + n * p.ColumnB, p.RowB, p.ColumnB, p.K, columns);
            else
                MatMulPacking<TSimd, TVector>.WeightPanel(packed, width, p, n, columns);
            if (p.TailK > 0)
                MatMulPacking<TSimd, TVector>.Panel(packed + (long)p.K * width, width, p.TailB + n * p.TailColumnB, p.TailRowB, p.TailColumnB, p.TailK, columns);
        }
    }

    /// <summary>
    /// Rows [startM, endM) by columns [startN, endN) of C. <paramref name="packed"/> holds B from column startN on, which is a
    /// multiple of <see cref="PanelWidth"/>.
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

        float* slab = scratch;
        float* edge = scratch + SlabRows * SlabStride;
        int blocks = (totalK + MaxBlockK - 1) / MaxBlockK;
        int blockK = (totalK + blocks - 1) / blocks;
        bool plainA = UsePlainA(p, endN - startN), plainB = p.Way == MatMulWay.PlainB;

        var tile = new MatMulTile { Alpha = p.Alpha };
        for (int k = 0; k < totalK; k += blockK)
        {
            bool accumulate = p.Accumulate || k > 0;
            tile.K = Math.Min(blockK, totalK - k);
            for (int m = startM; m < endM; m += SlabRows)
            {
                int rows = Math.Min(SlabRows, endM - m);
                if (plainA)
                {
                    tile.A = p.A + m * p.RowA + k * p.ColumnA;
                    tile.RowA = p.RowA;
                    tile.ColumnA = p.ColumnA;
                }
                else
                {
                    tile.A = slab;
                    tile.RowA = p.ColumnA == 1 ? SlabStride : 1;
                    tile.ColumnA = p.ColumnA == 1 ? 1 : SlabRows;
                    MatMulPacking<TSimd, TVector>.Slab(tile, p, m, rows, k);
                }

                for (int n = startN; n < endN; n += PanelWidth)
                {
                    int columns = Math.Min(PanelWidth, endN - n), width = Width(p.N - n, p.RoomyC);
                    if (plainB && columns == PanelWidth)
                    {
                        tile.B = p.B + k * p.RowB + n;
                        tile.RowB = p.RowB;
                    }
                    else
                    {
                        tile.B = packed + (long)(n - startN) * p.PackedDepth + (long)k * width;
                        tile.RowB = width;
                    }

                    float* c = p.C + m * p.RowC + n;
                    float* bias = p.Bias == null ? null : p.Bias + n;
                    if (columns == width || p.RoomyC)
                    {
                        tile.C = c;
                        tile.RowC = p.RowC;
                        tile.Accumulate = accumulate;
                        tile.Bias = bias;
                        Run(rows, width, tile);
                    }
                    else
                    {
                        // The tile sticks out of C: compute it aside, then copy the part that lies inside.
                        tile.C = edge;
                        tile.RowC = width;
                        tile.Accumulate = false;
                        tile.Bias = null;
                        Run(rows, width, tile);
                        CopyEdge(c, p.RowC, edge, width, rows, columns, accumulate, bias);
                    }
                }
            }
        }
    }

    /// <summary>The whole product on this thread. Scratch: <see cref="SerialScratch"/> floats.</summary>
    public static void Serial(MatMulProduct p, float* scratch)
    {
        Plan(ref p);
        float* packed = scratch + ComputeScratch;
        for (int n = 0; n < p.N; n += TaskColumns)
        {
            int end = Math.Min(n + TaskColumns, p.N);
            PackB(p, n, end, packed);
            Compute(p, 0, p.M, n, end, packed, scratch);
        }
    }

    public static long SerialScratch(int n, int totalK) => ComputeScratch + PackedLength(Math.Min(n, TaskColumns), totalK);

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
