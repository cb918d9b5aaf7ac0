using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FedSpine.Kernels.Formulas;

namespace FedSpine.Kernels.Host;

/// <summary>Copies operands into the order in which the kernel reads them.</summary>
internal static unsafe class MatMulPacking<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>
    /// Depth and columns of a block that is transposed at once: the panel's lines are filled while they are in the first-level cache, from
    /// no more rows than the hardware follows as streams.
    /// </summary>
    private const int TransposeDepth = 64, TransposeColumns = 16;

    /// <summary>
    /// Fills the tile's A with rows [m, m + rows) and k in [k, k + tile.K) of [A | TailScale * TailA], in the order of the tile's
    /// strides: row by row where A is, k by k where A is transposed. Nothing of the slab is transposed.
    /// </summary>
    public static void Slab(in MatMulTile tile, in MatMulProduct p, int m, int rows, int k)
    {
        int main = (int)Math.Clamp(p.K - k, 0, tile.K); // the rest comes from the tail
        float* a = p.A + m * p.RowA + k * p.ColumnA;
        if (p.ColumnA == 1)
        {
            for (int i = 0; i < rows; i++)
                Unsafe.CopyBlockUnaligned(tile.A + i * tile.RowA, a + i * p.RowA, (uint)main * sizeof(float));
        }
        else
        {
            CopyColumns(tile.A, tile.ColumnA, a, p.ColumnA, main, rows);
        }

        int tail = (int)tile.K - main;
        if (tail == 0)
            return;
        float* y = tile.A + main * tile.ColumnA;
        float* x = p.TailA + m * p.TailRowA + (k + main - p.K);
        for (int i = 0; i < rows; i++, y += tile.RowA, x += p.TailRowA)
        {
            for (int j = 0; j < tail; j++)
                y[j * tile.ColumnA] = p.TailScale * x[j];
        }
    }

    /// <summary>
    /// A part of a panel of B: <paramref name="width"/> values for each of <paramref name="depth"/> k, of which <paramref name="columns"/>
    /// come from B and the rest are 0.
    /// </summary>
    public static void Panel(float* packed, int width, float* b, nint rowB, nint columnB, int depth, int columns)
    {
        if (columnB == 1)
        {
            if (columns % TSimd.Width == 0)
                CopyPanel(packed, b, rowB, depth, columns);
            else
                CopyColumns(packed, width, b, rowB, depth, columns);
        }
        else
        {
            Transpose(packed, width, b, columnB, depth, columns);
        }

        ClearBeyond(packed, width, depth, columns);
    }

    /// <summary>The same of columns [n, n + columns) and k in [start, start + depth) of a B that is a weight: it is widened on the way.</summary>
    public static void WeightPanel(float* packed, int width, in MatMulProduct p, int n, int columns, int start, int depth)
    {
        byte* weight = (byte*)p.B;
        if (!p.TransposedB)
        {
            for (int k = 0; k < depth; k++)
                WeightRows<TSimd, TVector>.Read(packed + (nint)k * width, p.TypeB, weight + (start + k) * p.RowBytesB, n, columns);
        }
        else
        {
            float* rows = stackalloc float[TransposeColumns * TransposeDepth];
            for (int i = 0; i < columns; i += TransposeColumns)
            {
                int count = Math.Min(TransposeColumns, columns - i);
                for (int k = 0; k < depth; k += TransposeDepth)
                {
                    int length = Math.Min(TransposeDepth, depth - k);
                    for (int row = 0; row < count; row++)
                        WeightRows<TSimd, TVector>.Read(rows + row * TransposeDepth, p.TypeB, weight + (n + i + row) * p.RowBytesB, start + k, length);
                    Transpose(packed + (nint)k * width + i, width, rows, TransposeDepth, length, count);
                }
            }
        }

        ClearBeyond(packed, width, depth, columns);
    }

    private static void ClearBeyond(float* packed, int width, int depth, int columns)
    {
        if (columns == width)
            return;
        for (int k = 0; k < depth; k++)
            new Span<float>(packed + k * width + columns, width - columns).Clear();
    }

    /// <summary>Rows of whole vectors.</summary>
    private static void CopyPanel(float* y, float* x, nint rowX, int rows, int columns)
    {
        for (int i = 0; i < rows; i++, x += rowX, y += columns)
        {
            for (int j = 0; j < columns; j += TSimd.Width)
                TSimd.Store(y + j, TSimd.Load(x + j));
        }
    }

    /// <summary>Rows of <paramref name="columns"/> floats, fewer than a panel has.</summary>
    private static void CopyColumns(float* y, nint rowY, float* x, nint rowX, int rows, int columns)
    {
        for (int i = 0; i < rows; i++, x += rowX, y += rowY)
        {
            int j = 0;
            for (; j + 4 <= columns; j += 4)
                Vector128.Load(x + j).Store(y + j);
            for (; j < columns; j++)
                y[j] = x[j];
        }
    }

    /// <summary>y[k * rowY + n] = x[n * rowX + k].</summary>
    public static void Transpose(float* y, int rowY, float* x, nint rowX, int depth, int columns)
    {
        for (int n = 0; n < columns; n += TransposeColumns)
        {
            for (int k = 0; k < depth; k += TransposeColumns)
                TransposeBlock(y + k * rowY + n, rowY, x + n * rowX + k, rowX, Math.Min(TransposeColumns, depth - k), Math.Min(TransposeColumns, columns - n));
        }
    }

    private static void TransposeBlock(float* y, int rowY, float* x, nint rowX, int depth, int columns)
    {
        int n = 0;
        if (typeof(TVector) == typeof(Vector512<float>) && Avx512F.IsSupported && depth == 16 && columns == 16)
        {
            Transpose16(y, rowY, x, rowX);
            return;
        }

        if (typeof(TVector) != typeof(float))
        {
            for (; n + 4 <= columns; n += 4)
                Transpose4(y + n, rowY, x + n * rowX, rowX, depth);
        }

        for (; n < columns; n++)
        {
            for (int k = 0; k < depth; k++)
                y[k * rowY + n] = x[n * rowX + k];
        }
    }

    /// <summary>16 x 16 in registers: whole lines in, whole lines out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // no loop: it would begin unoptimised
    private static void Transpose16(float* y, nint rowY, float* x, nint rowX)
    {
        Quad(x, rowX, out var a0, out var a1, out var a2, out var a3);
        Quad(x + 4 * rowX, rowX, out var b0, out var b1, out var b2, out var b3);
        Quad(x + 8 * rowX, rowX, out var c0, out var c1, out var c2, out var c3);
        Quad(x + 12 * rowX, rowX, out var d0, out var d1, out var d2, out var d3);
        StoreLanes(y, rowY, a0, b0, c0, d0);
        StoreLanes(y + rowY, rowY, a1, b1, c1, d1);
        StoreLanes(y + 2 * rowY, rowY, a2, b2, c2, d2);
        StoreLanes(y + 3 * rowY, rowY, a3, b3, c3, d3);
    }

    /// <summary>Of four rows: y_j has columns j, j + 4, j + 8 and j + 12 in its 128-bit lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(float* x, nint rowX, out Vector512<double> y0, out Vector512<double> y1, out Vector512<double> y2, out Vector512<double> y3)
    {
        Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + rowX), x2 = Vector512.Load(x + 2 * rowX), x3 = Vector512.Load(x + 3 * rowX);
        var (low01, high01) = (Avx512F.UnpackLow(x0, x1).AsDouble(), Avx512F.UnpackHigh(x0, x1).AsDouble());
        var (low23, high23) = (Avx512F.UnpackLow(x2, x3).AsDouble(), Avx512F.UnpackHigh(x2, x3).AsDouble());
        y0 = Avx512F.UnpackLow(low01, low23);
        y1 = Avx512F.UnpackHigh(low01, low23);
        y2 = Avx512F.UnpackLow(high01, high23);
        y3 = Avx512F.UnpackHigh(high01, high23);
    }

    /// <summary>Lane i of a, b, c and d becomes row 4 i of y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLanes(float* y, nint rowY, Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d)
    {
        const byte Even = 0x88, Odd = 0xdd;
        Vector512<double> ab02 = Avx512F.Shuffle4x128(a, b, Even), ab13 = Avx512F.Shuffle4x128(a, b, Odd);
        Vector512<double> cd02 = Avx512F.Shuffle4x128(c, d, Even), cd13 = Avx512F.Shuffle4x128(c, d, Odd);
        Avx512F.Shuffle4x128(ab02, cd02, Even).AsSingle().Store(y);
        Avx512F.Shuffle4x128(ab13, cd13, Even).AsSingle().Store(y + 4 * rowY);
        Avx512F.Shuffle4x128(ab02, cd02, Odd).AsSingle().Store(y + 8 * rowY);
        Avx512F.Shuffle4x128(ab13, cd13, Odd).AsSingle().Store(y + 12 * rowY);
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
            var (t0, t1) = (InterleaveLow(v0, v2), InterleaveLow(v1, v3));
            var (t2, t3) = (InterleaveHigh(v0, v2), InterleaveHigh(v1, v3));
            InterleaveLow(t0, t1).Store(y);
            InterleaveHigh(t0, t1).Store(y + rowY);
            InterleaveLow(t2, t3).Store(y + 2 * rowY);
            InterleaveHigh(t2, t3).Store(y + 3 * rowY);
        }

        for (; k < depth; k++, y += rowY)
        {
            y[0] = x0[k];
            y[1] = x1[k];
            y[2] = x2[k];
            y[3] = x3[k];
        }
    }

    /// <summary>x0 y0 x1 y1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLow(Vector128<float> x, Vector128<float> y) =>
        Sse.IsSupported ? Sse.UnpackLow(x, y)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(x, y)
        : Vector128.Create(x[0], y[0], x[1], y[1]);

    /// <summary>x2 y2 x3 y3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> x, Vector128<float> y) =>
        Sse.IsSupported ? Sse.UnpackHigh(x, y)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(x, y)
        : Vector128.Create(x[2], y[2], x[3], y[3]);
}
