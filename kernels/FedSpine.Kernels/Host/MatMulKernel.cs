using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FedSpine.Kernels.Formulas;

namespace FedSpine.Kernels.Host;

/// <summary>Rows of a micro-tile, as a type: the kernel of each height is compiled without the rows above it.</summary>
internal interface ITileRows
{
    static abstract int Count { get; }
}

internal readonly struct Rows1 : ITileRows { public static int Count => 1; }
internal readonly struct Rows2 : ITileRows { public static int Count => 2; }
internal readonly struct Rows3 : ITileRows { public static int Count => 3; }
internal readonly struct Rows4 : ITileRows { public static int Count => 4; }
internal readonly struct Rows5 : ITileRows { public static int Count => 5; }
internal readonly struct Rows6 : ITileRows { public static int Count => 6; }
internal readonly struct Rows7 : ITileRows { public static int Count => 7; }
internal readonly struct Rows8 : ITileRows { public static int Count => 8; }
internal readonly struct Rows9 : ITileRows { public static int Count => 9; }
internal readonly struct Rows10 : ITileRows { public static int Count => 10; }
internal readonly struct Rows11 : ITileRows { public static int Count => 11; }
internal readonly struct Rows12 : ITileRows { public static int Count => 12; }

/// <summary>How a tile's A lies: row by row, the elements of the next k are reached by a displacement instead of a stride.</summary>
internal interface ITileOrder
{
    static abstract bool IsRowMajor { get; }
}

internal readonly struct RowMajor : ITileOrder { public static bool IsRowMajor => true; }

internal readonly struct AnyOrder : ITileOrder { public static bool IsRowMajor => false; }

/// <summary>One tile of C: <c>c = alpha * a b + (c, bias or 0)</c>.</summary>
internal unsafe struct MatMulTile
{
    /// <summary>Floats of a cache line.</summary>
    public const int LineFloats = 16;

    /// <summary>Depth from which the tile of C is fetched ahead: its rows lie on as many pages.</summary>
    public const int PrefetchDepth = 128;

    public float* A;        // element (m, k) at A[m * RowA + k * ColumnA]
    public nint RowA;
    public nint ColumnA;
    public float* B;        // two vectors (one when narrow) at B + k * RowB
    public nint RowB;
    public nint K;
    public float* C;        // element (m, n) at C[m * RowC + n]
    public nint RowC;
    public float Alpha;
    public bool Accumulate; // start from C
    public float* Bias;     // start from this row when not accumulating; null: from 0
    public float* Ahead;    // K / 2 cache lines from here on are fetched into the second-level cache meanwhile (wide tiles)
}

/// <summary>
/// The inner loop of every matrix product: up to 12 rows by 2 vectors of C held in registers while k runs. Each element of C is
/// one accumulator that sums over k in order, so that the choice of tile never changes a bit of the result.
/// </summary>
/// <remarks>
/// The accumulators are written out as locals because an array of them would live in memory. The rows of A are reached from
/// three pointers and four strides, which the 16 general registers of x64 hold without spills.
/// </remarks>
internal static unsafe class MatMulKernel<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Rows of the tallest tile: 2 accumulators a row, 2 vectors of B and a broadcast must fit the register file.</summary>
    public static int MaxRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => typeof(TVector) == typeof(Vector512<float>) || (typeof(TVector) == typeof(Vector128<float>) && AdvSimd.Arm64.IsSupported) ? 12
            : typeof(TVector) == typeof(float) ? 4 : 6;
    }

    /// <summary>Computes a tile of <paramref name="rows"/> by two vectors, or one when <paramref name="narrow"/>.</summary>
    public static void Run(int rows, bool narrow, in MatMulTile tile)
    {
        if (tile.ColumnA == 1)
        {
            if (narrow)
                Run<Narrow, RowMajor>(rows, tile);
            else
                Run<Wide, RowMajor>(rows, tile);
        }
        else if (narrow)
        {
            Run<Narrow, AnyOrder>(rows, tile);
        }
        else
        {
            Run<Wide, AnyOrder>(rows, tile);
        }
    }

    private static void Run<TColumns, TOrder>(int rows, in MatMulTile tile) where TColumns : struct, ITileColumns where TOrder : struct, ITileOrder
    {
        switch (rows)
        {
            case 12: Tile<Rows12, TColumns, TOrder>(tile); break;
            case 11: Tile<Rows11, TColumns, TOrder>(tile); break;
            case 10: Tile<Rows10, TColumns, TOrder>(tile); break;
            case 9: Tile<Rows9, TColumns, TOrder>(tile); break;
            case 8: Tile<Rows8, TColumns, TOrder>(tile); break;
            case 7: Tile<Rows7, TColumns, TOrder>(tile); break;
            case 6: Tile<Rows6, TColumns, TOrder>(tile); break;
            case 5: Tile<Rows5, TColumns, TOrder>(tile); break;
            case 4: Tile<Rows4, TColumns, TOrder>(tile); break;
            case 3: Tile<Rows3, TColumns, TOrder>(tile); break;
            case 2: Tile<Rows2, TColumns, TOrder>(tile); break;
            case 1: Tile<Rows1, TColumns, TOrder>(tile); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows, TColumns, TOrder>(in MatMulTile tile)
        where TRows : struct, ITileRows where TColumns : struct, ITileColumns where TOrder : struct, ITileOrder
    {
        TVector zero = TSimd.Zero;
        TVector c0 = zero, d0 = zero;
        TVector c1 = zero, d1 = zero;
        TVector c2 = zero, d2 = zero;
        TVector c3 = zero, d3 = zero;
        TVector c4 = zero, d4 = zero;
        TVector c5 = zero, d5 = zero;
        TVector c6 = zero, d6 = zero;
        TVector c7 = zero, d7 = zero;
        TVector c8 = zero, d8 = zero;
        TVector c9 = zero, d9 = zero;
        TVector c10 = zero, d10 = zero;
        TVector c11 = zero, d11 = zero;

        nint l = tile.RowA, l2 = 2 * l, l3 = 3 * l, l4 = 4 * l, step = tile.ColumnA, rowB = tile.RowB;
        float* p = tile.A;         // rows 0 to 4
        float* q = p + 5 * l;      // rows 5 to 9
        float* r = p + 10 * l;     // rows 10 and 11
        float* b = tile.B;
        if (Sse.IsSupported && tile.K >= MatMulTile.PrefetchDepth)
        {
            float* y = tile.C;
            for (int i = 0; i < TRows.Count; i++, y += tile.RowC)
            {
                Sse.Prefetch0(y);
                if (TColumns.IsWide)
                    Sse.Prefetch0(y + TSimd.Width);
            }
        }

        nint k = tile.K;
        for (; TOrder.IsRowMajor && k > 1; k -= 2) // two steps, for fewer instructions around them
        {
            {
                TVector b0 = TSimd.Load(b);
                TVector b1 = TColumns.IsWide ? TSimd.Load(b + TSimd.Width) : zero;
                TVector a;
                a = TSimd.Broadcast(*(p)); c0 = TSimd.MultiplyAdd(a, b0, c0); if (TColumns.IsWide) d0 = TSimd.MultiplyAdd(a, b1, d0);
                if (TRows.Count > 1) { a = TSimd.Broadcast(*(p + l)); c1 = TSimd.MultiplyAdd(a, b0, c1); if (TColumns.IsWide) d1 = TSimd.MultiplyAdd(a, b1, d1); }
                if (TRows.Count > 2) { a = TSimd.Broadcast(*(p + l2)); c2 = TSimd.MultiplyAdd(a, b0, c2); if (TColumns.IsWide) d2 = TSimd.MultiplyAdd(a, b1, d2); }
                if (TRows.Count > 3) { a = TSimd.Broadcast(*(p + l3)); c3 = TSimd.MultiplyAdd(a, b0, c3); if (TColumns.IsWide) d3 = TSimd.MultiplyAdd(a, b1, d3); }
                if (TRows.Count > 4) { a = TSimd.Broadcast(*(p + l4)); c4 = TSimd.MultiplyAdd(a, b0, c4); if (TColumns.IsWide) d4 = TSimd.MultiplyAdd(a, b1, d4); }
                if (TRows.Count > 5) { a = TSimd.Broadcast(*(q)); c5 = TSimd.MultiplyAdd(a, b0, c5); if (TColumns.IsWide) d5 = TSimd.MultiplyAdd(a, b1, d5); }
                if (TRows.Count > 6) { a = TSimd.Broadcast(*(q + l)); c6 = TSimd.MultiplyAdd(a, b0, c6); if (TColumns.IsWide) d6 = TSimd.MultiplyAdd(a, b1, d6); }
                if (TRows.Count > 7) { a = TSimd.Broadcast(*(q + l2)); c7 = TSimd.MultiplyAdd(a, b0, c7); if (TColumns.IsWide) d7 = TSimd.MultiplyAdd(a, b1, d7); }
                if (TRows.Count > 8) { a = TSimd.Broadcast(*(q + l3)); c8 = TSimd.MultiplyAdd(a, b0, c8); if (TColumns.IsWide) d8 = TSimd.MultiplyAdd(a, b1, d8); }
                if (TRows.Count > 9) { a = TSimd.Broadcast(*(q + l4)); c9 = TSimd.MultiplyAdd(a, b0, c9); if (TColumns.IsWide) d9 = TSimd.MultiplyAdd(a, b1, d9); }
                if (TRows.Count > 10) { a = TSimd.Broadcast(*(r)); c10 = TSimd.MultiplyAdd(a, b0, c10); if (TColumns.IsWide) d10 = TSimd.MultiplyAdd(a, b1, d10); }
                if (TRows.Count > 11) { a = TSimd.Broadcast(*(r + l)); c11 = TSimd.MultiplyAdd(a, b0, c11); if (TColumns.IsWide) d11 = TSimd.MultiplyAdd(a, b1, d11); }
            }

            {
                TVector b0 = TSimd.Load(b + rowB);
                TVector b1 = TColumns.IsWide ? TSimd.Load(b + rowB + TSimd.Width) : zero;
                TVector a;
                a = TSimd.Broadcast(*(p + 1)); c0 = TSimd.MultiplyAdd(a, b0, c0); if (TColumns.IsWide) d0 = TSimd.MultiplyAdd(a, b1, d0);
                if (TRows.Count > 1) { a = TSimd.Broadcast(*(p + l + 1)); c1 = TSimd.MultiplyAdd(a, b0, c1); if (TColumns.IsWide) d1 = TSimd.MultiplyAdd(a, b1, d1); }
                if (TRows.Count > 2) { a = TSimd.Broadcast(*(p + l2 + 1)); c2 = TSimd.MultiplyAdd(a, b0, c2); if (TColumns.IsWide) d2 = TSimd.MultiplyAdd(a, b1, d2); }
                if (TRows.Count > 3) { a = TSimd.Broadcast(*(p + l3 + 1)); c3 = TSimd.MultiplyAdd(a, b0, c3); if (TColumns.IsWide) d3 = TSimd.MultiplyAdd(a, b1, d3); }
                if (TRows.Count > 4) { a = TSimd.Broadcast(*(p + l4 + 1)); c4 = TSimd.MultiplyAdd(a, b0, c4); if (TColumns.IsWide) d4 = TSimd.MultiplyAdd(a, b1, d4); }
                if (TRows.Count > 5) { a = TSimd.Broadcast(*(q + 1)); c5 = TSimd.MultiplyAdd(a, b0, c5); if (TColumns.IsWide) d5 = TSimd.MultiplyAdd(a, b1, d5); }
                if (TRows.Count > 6) { a = TSimd.Broadcast(*(q + l + 1)); c6 = TSimd.MultiplyAdd(a, b0, c6); if (TColumns.IsWide) d6 = TSimd.MultiplyAdd(a, b1, d6); }
                if (TRows.Count > 7) { a = TSimd.Broadcast(*(q + l2 + 1)); c7 = TSimd.MultiplyAdd(a, b0, c7); if (TColumns.IsWide) d7 = TSimd.MultiplyAdd(a, b1, d7); }
                if (TRows.Count > 8) { a = TSimd.Broadcast(*(q + l3 + 1)); c8 = TSimd.MultiplyAdd(a, b0, c8); if (TColumns.IsWide) d8 = TSimd.MultiplyAdd(a, b1, d8); }
                if (TRows.Count > 9) { a = TSimd.Broadcast(*(q + l4 + 1)); c9 = TSimd.MultiplyAdd(a, b0, c9); if (TColumns.IsWide) d9 = TSimd.MultiplyAdd(a, b1, d9); }
                if (TRows.Count > 10) { a = TSimd.Broadcast(*(r + 1)); c10 = TSimd.MultiplyAdd(a, b0, c10); if (TColumns.IsWide) d10 = TSimd.MultiplyAdd(a, b1, d10); }
                if (TRows.Count > 11) { a = TSimd.Broadcast(*(r + l + 1)); c11 = TSimd.MultiplyAdd(a, b0, c11); if (TColumns.IsWide) d11 = TSimd.MultiplyAdd(a, b1, d11); }
            }

            p += 2;
            q += 2;
            r += 2;
            b += 2 * rowB;
        }

        for (; k > 0; k--)
        {
            TVector b0 = TSimd.Load(b);
            TVector b1 = TColumns.IsWide ? TSimd.Load(b + TSimd.Width) : zero;
            TVector a;
            a = TSimd.Broadcast(*(p)); c0 = TSimd.MultiplyAdd(a, b0, c0); if (TColumns.IsWide) d0 = TSimd.MultiplyAdd(a, b1, d0);
            if (TRows.Count > 1) { a = TSimd.Broadcast(*(p + l)); c1 = TSimd.MultiplyAdd(a, b0, c1); if (TColumns.IsWide) d1 = TSimd.MultiplyAdd(a, b1, d1); }
            if (TRows.Count > 2) { a = TSimd.Broadcast(*(p + l2)); c2 = TSimd.MultiplyAdd(a, b0, c2); if (TColumns.IsWide) d2 = TSimd.MultiplyAdd(a, b1, d2); }
            if (TRows.Count > 3) { a = TSimd.Broadcast(*(p + l3)); c3 = TSimd.MultiplyAdd(a, b0, c3); if (TColumns.IsWide) d3 = TSimd.MultiplyAdd(a, b1, d3); }
            if (TRows.Count > 4) { a = TSimd.Broadcast(*(p + l4)); c4 = TSimd.MultiplyAdd(a, b0, c4); if (TColumns.IsWide) d4 = TSimd.MultiplyAdd(a, b1, d4); }
            if (TRows.Count > 5) { a = TSimd.Broadcast(*(q)); c5 = TSimd.MultiplyAdd(a, b0, c5); if (TColumns.IsWide) d5 = TSimd.MultiplyAdd(a, b1, d5); }
            if (TRows.Count > 6) { a = TSimd.Broadcast(*(q + l)); c6 = TSimd.MultiplyAdd(a, b0, c6); if (TColumns.IsWide) d6 = TSimd.MultiplyAdd(a, b1, d6); }
            if (TRows.Count > 7) { a = TSimd.Broadcast(*(q + l2)); c7 = TSimd.MultiplyAdd(a, b0, c7); if (TColumns.IsWide) d7 = TSimd.MultiplyAdd(a, b1, d7); }
            if (TRows.Count > 8) { a = TSimd.Broadcast(*(q + l3)); c8 = TSimd.MultiplyAdd(a, b0, c8); if (TColumns.IsWide) d8 = TSimd.MultiplyAdd(a, b1, d8); }
            if (TRows.Count > 9) { a = TSimd.Broadcast(*(q + l4)); c9 = TSimd.MultiplyAdd(a, b0, c9); if (TColumns.IsWide) d9 = TSimd.MultiplyAdd(a, b1, d9); }
            if (TRows.Count > 10) { a = TSimd.Broadcast(*(r)); c10 = TSimd.MultiplyAdd(a, b0, c10); if (TColumns.IsWide) d10 = TSimd.MultiplyAdd(a, b1, d10); }
            if (TRows.Count > 11) { a = TSimd.Broadcast(*(r + l)); c11 = TSimd.MultiplyAdd(a, b0, c11); if (TColumns.IsWide) d11 = TSimd.MultiplyAdd(a, b1, d11); }
            p += step;
            q += step;
            r += step;
            b += rowB;
        }

        float* c = tile.C;
        nint rowC = tile.RowC;
        TVector alpha = TSimd.Broadcast(tile.Alpha);
        if (tile.Accumulate)
        {
            Add<TColumns>(c + 0 * rowC, c + 0 * rowC, alpha, c0, d0);
            if (TRows.Count > 1) Add<TColumns>(c + 1 * rowC, c + 1 * rowC, alpha, c1, d1);
            if (TRows.Count > 2) Add<TColumns>(c + 2 * rowC, c + 2 * rowC, alpha, c2, d2);
            if (TRows.Count > 3) Add<TColumns>(c + 3 * rowC, c + 3 * rowC, alpha, c3, d3);
            if (TRows.Count > 4) Add<TColumns>(c + 4 * rowC, c + 4 * rowC, alpha, c4, d4);
            if (TRows.Count > 5) Add<TColumns>(c + 5 * rowC, c + 5 * rowC, alpha, c5, d5);
            if (TRows.Count > 6) Add<TColumns>(c + 6 * rowC, c + 6 * rowC, alpha, c6, d6);
            if (TRows.Count > 7) Add<TColumns>(c + 7 * rowC, c + 7 * rowC, alpha, c7, d7);
            if (TRows.Count > 8) Add<TColumns>(c + 8 * rowC, c + 8 * rowC, alpha, c8, d8);
            if (TRows.Count > 9) Add<TColumns>(c + 9 * rowC, c + 9 * rowC, alpha, c9, d9);
            if (TRows.Count > 10) Add<TColumns>(c + 10 * rowC, c + 10 * rowC, alpha, c10, d10);
            if (TRows.Count > 11) Add<TColumns>(c + 11 * rowC, c + 11 * rowC, alpha, c11, d11);
        }
        else if (tile.Bias != null)
        {
            float* bias = tile.Bias;
            Add<TColumns>(c + 0 * rowC, bias, alpha, c0, d0);
            if (TRows.Count > 1) Add<TColumns>(c + 1 * rowC, bias, alpha, c1, d1);
            if (TRows.Count > 2) Add<TColumns>(c + 2 * rowC, bias, alpha, c2, d2);
            if (TRows.Count > 3) Add<TColumns>(c + 3 * rowC, bias, alpha, c3, d3);
            if (TRows.Count > 4) Add<TColumns>(c + 4 * rowC, bias, alpha, c4, d4);
            if (TRows.Count > 5) Add<TColumns>(c + 5 * rowC, bias, alpha, c5, d5);
            if (TRows.Count > 6) Add<TColumns>(c + 6 * rowC, bias, alpha, c6, d6);
            if (TRows.Count > 7) Add<TColumns>(c + 7 * rowC, bias, alpha, c7, d7);
            if (TRows.Count > 8) Add<TColumns>(c + 8 * rowC, bias, alpha, c8, d8);
            if (TRows.Count > 9) Add<TColumns>(c + 9 * rowC, bias, alpha, c9, d9);
            if (TRows.Count > 10) Add<TColumns>(c + 10 * rowC, bias, alpha, c10, d10);
            if (TRows.Count > 11) Add<TColumns>(c + 11 * rowC, bias, alpha, c11, d11);
        }
        else
        {
            Set<TColumns>(c + 0 * rowC, alpha, c0, d0);
            if (TRows.Count > 1) Set<TColumns>(c + 1 * rowC, alpha, c1, d1);
            if (TRows.Count > 2) Set<TColumns>(c + 2 * rowC, alpha, c2, d2);
            if (TRows.Count > 3) Set<TColumns>(c + 3 * rowC, alpha, c3, d3);
            if (TRows.Count > 4) Set<TColumns>(c + 4 * rowC, alpha, c4, d4);
            if (TRows.Count > 5) Set<TColumns>(c + 5 * rowC, alpha, c5, d5);
            if (TRows.Count > 6) Set<TColumns>(c + 6 * rowC, alpha, c6, d6);
            if (TRows.Count > 7) Set<TColumns>(c + 7 * rowC, alpha, c7, d7);
            if (TRows.Count > 8) Set<TColumns>(c + 8 * rowC, alpha, c8, d8);
            if (TRows.Count > 9) Set<TColumns>(c + 9 * rowC, alpha, c9, d9);
            if (TRows.Count > 10) Set<TColumns>(c + 10 * rowC, alpha, c10, d10);
            if (TRows.Count > 11) Set<TColumns>(c + 11 * rowC, alpha, c11, d11);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TColumns>(float* c, float* start, TVector alpha, TVector x, TVector y) where TColumns : struct, ITileColumns
    {
        TSimd.Store(c, TSimd.MultiplyAdd(alpha, x, TSimd.Load(start)));
        if (TColumns.IsWide)
            TSimd.Store(c + TSimd.Width, TSimd.MultiplyAdd(alpha, y, TSimd.Load(start + TSimd.Width)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Set<TColumns>(float* c, TVector alpha, TVector x, TVector y) where TColumns : struct, ITileColumns
    {
        TSimd.Store(c, TSimd.Multiply(alpha, x));
        if (TColumns.IsWide)
            TSimd.Store(c + TSimd.Width, TSimd.Multiply(alpha, y));
    }

    private interface ITileColumns
    {
        static abstract bool IsWide { get; }
    }

    private readonly struct Wide : ITileColumns { public static bool IsWide => true; }

    private readonly struct Narrow : ITileColumns { public static bool IsWide => false; }
}
