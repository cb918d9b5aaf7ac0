using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedSpine.Kernels.Formulas;

namespace FedSpine.Kernels.Host;

/// <summary>
/// One product C = alpha A B + (C, bias or 0), with any strides, and optionally more of K from a second pair of matrices:
/// C += TailScale * A2 B2. The tail is how a low-rank adapter rides on the frozen product: [x | s xa] [W | B]^T.
/// </summary>
internal unsafe struct MatMulProduct
{
    public float* A;         // (M, K): element (m, k) at A[m * RowA + k * ColumnA]
    public nint RowA;
    public nint ColumnA;
    public float* B;         // (K, N): element (k, n) at B[k * RowB + n * ColumnB]
    public nint RowB;
    public nint ColumnB;
    public float* C;         // (M, N): element (m, n) at C[m * RowC + n]
    public nint RowC;
    public int M;
    public int N;
    public int K;
    public float Alpha;
    public bool Accumulate;
    public float* Bias;      // (N), or null; only when not accumulating

    public float* TailA;     // (M, TailK)
    public nint TailRowA;
    public float* TailB;     // (TailK, N)
    public nint TailRowB;
    public nint TailColumnB;
    public int TailK;        // 0: no tail
    public float TailScale;  // relative to Alpha

    public readonly int TotalK => K + TailK;
}

/// <summary>Packing and blocking of a product; everything here runs on the calling thread.</summary>
internal static unsafe class MatMulBlocks<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Longest run of k between two visits to C. A slab of A of this depth stays in the first-level cache.</summary>
    private const int MaxBlockK = 320;

    private static int MaxRows => MatMulKernel<TSimd, TVector>.MaxRows;

    /// <summary>Columns of a panel of B.</summary>
    public static int PanelWidth => 2 * TSimd.Width;

    /// <summary>Rows of C that one task computes: whole slabs.</summary>
    public static int TaskRows => 8 * MaxRows;

    /// <summary>Columns of C that one task computes, so that its block of B stays in the second-level cache.</summary>
    public static int TaskColumns => 8 * PanelWidth;

    /// <summary>Floats of scratch that <see cref="Compute"/> needs: a slab of A and a tile of C.</summary>
    public static int ComputeScratch => MaxRows * SlabStride + MaxRows * PanelWidth;

    /// <summary>Row stride of the slab: off the power of two, so that its rows do not share cache sets.</summary>
    private static int SlabStride => MaxBlockK + 16;

    /// <summary>Floats that B takes when packed over <paramref name="columns"/> columns.</summary>
    public static long PackedLength(int columns, int totalK) => (long)(columns + PanelWidth - 1) / PanelWidth * PanelWidth * totalK;

    /// <summary>Packs columns [start, end) of B: panels of <see cref="PanelWidth"/> columns (half that for a narrow last one), k by k.</summary>
    public static void PackB(in MatMulProduct p, int start, int end, float* packed)
    {
        for (int n = start; n < end; n += PanelWidth)
        {
            int columns = Math.Min(PanelWidth, end - n);
            int width = columns <= TSimd.Width ? TSimd.Width : PanelWidth;
            PackPanel(packed, width, p.B + n * p.ColumnB, p.RowB, p.ColumnB, p.K, columns);
            if (p.TailK > 0)
                PackPanel(packed + (long)p.K * width, width, p.TailB + n * p.TailColumnB, p.TailRowB, p.TailColumnB, p.TailK, columns);
            packed += (long)PanelWidth * p.TotalK;
        }
    }

    /// <summary>
    /// Rows [startM, endM) by columns [startN, endN) of C. <paramref name="packed"/> holds B from column startN on, which is a
    /// multiple of <see cref="PanelWidth"/>.
    /// </summary>
    public static void Compute(in MatMulProduct p, int startM, int endM, int startN, int endN, float* packed, float* scratch)
    {
        float* slab = scratch;
        float* edge = scratch + MaxRows * SlabStride;
        int totalK = p.TotalK;
        int blocks = (totalK + MaxBlockK - 1) / MaxBlockK;
        int blockK = (totalK + blocks - 1) / blocks;
        bool packA = p.TailK > 0 || p.ColumnA != 1 || (p.RowA * sizeof(float) & 1023) == 0 || endN - startN > 3 * PanelWidth;

        var tile = new MatMulTile { Alpha = p.Alpha };
        for (int k = 0; k < totalK; k += blockK)
        {
            int depth = Math.Min(blockK, totalK - k);
            bool accumulate = p.Accumulate || k > 0;
            for (int m = startM; m < endM; m += MaxRows)
            {
                int rows = Math.Min(MaxRows, endM - m);
                if (packA)
                {
                    PackSlab(ref tile, slab, p, m, rows, k, depth);
                }
                else
                {
                    tile.A = p.A + m * p.RowA + k;
                    tile.RowA = p.RowA;
                    tile.ColumnA = 1;
                }

                tile.K = depth;
                for (int n = startN; n < endN; n += PanelWidth)
                {
                    int columns = Math.Min(PanelWidth, endN - n);
                    bool narrow = columns <= TSimd.Width;
                    int width = narrow ? TSimd.Width : PanelWidth;
                    tile.B = packed + (long)(n - startN) * totalK + (long)k * width;
                    tile.RowB = width;
                    float* c = p.C + m * p.RowC + n;
                    if (columns == width)
                    {
                        tile.C = c;
                        tile.RowC = p.RowC;
                        tile.Accumulate = accumulate;
                        tile.Bias = p.Bias == null ? null : p.Bias + n;
                        MatMulKernel<TSimd, TVector>.Run(rows, narrow, tile);
                    }
                    else
                    {
                        // The tile sticks out of C: compute it aside, then copy the part that lies inside.
                        tile.C = edge;
                        tile.RowC = width;
                        tile.Accumulate = false;
                        tile.Bias = null;
                        MatMulKernel<TSimd, TVector>.Run(rows, narrow, tile);
                        CopyEdge(c, p.RowC, edge, width, rows, columns, accumulate, p.Bias == null ? null : p.Bias + n);
                    }
                }
            }
        }

        if (totalK == 0)
            ScaleOnly(p, startM, endM, startN, endN);
    }

    /// <summary>The whole product on this thread. Scratch: <see cref="SerialScratch"/> floats.</summary>
    public static void Serial(in MatMulProduct p, float* scratch)
    {
        float* packed = scratch + ComputeScratch;
        for (int n = 0; n < p.N; n += TaskColumns)
        {
            int end = Math.Min(n + TaskColumns, p.N);
            PackB(p, n, end, packed);
            Compute(p, 0, p.M, n, end, packed, scratch);
        }
    }

    public static long SerialScratch(int n, int totalK) => ComputeScratch + PackedLength(Math.Min(n, TaskColumns), totalK);

    private static void ScaleOnly(in MatMulProduct p, int startM, int endM, int startN, int endN)
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
            for (int n = 0; n < columns; n++)
                c[n] = accumulate ? c[n] + edge[n] : bias != null ? bias[n] + edge[n] : edge[n];
        }
    }

    /// <summary>Points the tile at a copy of rows [m, m + rows) and k in [k, k + depth) of [A | TailScale * TailA].</summary>
    private static void PackSlab(ref MatMulTile tile, float* slab, in MatMulProduct p, int m, int rows, int k, int depth)
    {
        int main = Math.Clamp(p.K - k, 0, depth); // the rest comes from the tail
        float* a = p.A + m * p.RowA + k * p.ColumnA;
        tile.A = slab;
        if (p.ColumnA == 1)
        {
            (tile.RowA, tile.ColumnA) = (SlabStride, 1);
            for (int i = 0; i < rows; i++)
                Unsafe.CopyBlockUnaligned(slab + i * SlabStride, a + i * p.RowA, (uint)main * sizeof(float));
        }
        else
        {
            (tile.RowA, tile.ColumnA) = (1, MaxRows);
            for (int j = 0; j < main; j++)
            {
                for (int i = 0; i < rows; i++)
                    slab[j * MaxRows + i] = a[i * p.RowA + j * p.ColumnA];
            }
        }

        for (int j = main; j < depth; j++)
        {
            for (int i = 0; i < rows; i++)
                slab[i * tile.RowA + j * tile.ColumnA] = p.TailScale * p.TailA[(m + i) * p.TailRowA + k + j - p.K];
        }
    }

    private static void PackPanel(float* packed, int width, float* b, nint rowB, nint columnB, int depth, int columns)
    {
        if (columnB == 1 && columns == PanelWidth)
        {
            for (int k = 0; k < depth; k++, b += rowB, packed += PanelWidth)
            {
                TSimd.Store(packed, TSimd.Load(b));
                TSimd.Store(packed + TSimd.Width, TSimd.Load(b + TSimd.Width));
            }

            return;
        }

        int n = 0;
        if (rowB == 1 && typeof(TVector) != typeof(float))
        {
            for (; n + 4 <= columns; n += 4)
                Transpose4(packed + n, width, b + n * columnB, columnB, depth);
        }

        for (; n < columns; n++)
        {
            for (int k = 0; k < depth; k++)
                packed[k * width + n] = b[k * rowB + n * columnB];
        }

        for (; n < width; n++)
        {
            for (int k = 0; k < depth; k++)
                packed[k * width + n] = 0;
        }
    }

    /// <summary>Four rows of length <paramref name="depth"/> at <paramref name="x"/> become four columns of <paramref name="y"/>.</summary>
    private static void Transpose4(float* y, nint rowY, float* x, nint rowX, int depth)
    {
        float* x0 = x, x1 = x + rowX, x2 = x + 2 * rowX, x3 = x + 3 * rowX;
        int k = 0;
        for (; k + 4 <= depth; k += 4, y += 4 * rowY)
        {
            var v0 = Vector128.Load(x0 + k);
            var v1 = Vector128.Load(x1 + k);
            var v2 = Vector128.Load(x2 + k);
            var v3 = Vector128.Load(x3 + k);
            var t0 = Interleave(v0, v2, false);
            var t1 = Interleave(v1, v3, false);
            var t2 = Interleave(v0, v2, true);
            var t3 = Interleave(v1, v3, true);
            Interleave(t0, t1, false).Store(y);
            Interleave(t0, t1, true).Store(y + rowY);
            Interleave(t2, t3, false).Store(y + 2 * rowY);
            Interleave(t2, t3, true).Store(y + 3 * rowY);
        }

        for (; k < depth; k++, y += rowY)
        {
            y[0] = x0[k];
            y[1] = x1[k];
            y[2] = x2[k];
            y[3] = x3[k];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Interleave(Vector128<float> x, Vector128<float> y, bool high)
    {
        if (System.Runtime.Intrinsics.X86.Sse.IsSupported)
            return high ? System.Runtime.Intrinsics.X86.Sse.UnpackHigh(x, y) : System.Runtime.Intrinsics.X86.Sse.UnpackLow(x, y);
        if (System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported)
            return high ? System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipHigh(x, y) : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipLow(x, y);
        return high ? Vector128.Create(x[2], y[2], x[3], y[3]) : Vector128.Create(x[0], y[0], x[1], y[1]);
    }
}
