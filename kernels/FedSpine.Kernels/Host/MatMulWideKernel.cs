using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using FedSpine.Kernels.Formulas;

namespace FedSpine.Kernels.Host;

/// <summary>
/// The inner loop where the register file holds 32 vectors: up to 6 rows by 3 or 4 vectors of C. The same sums in the same order as
/// <see cref="MatMulKernel{TSimd, TVector}"/>.
/// </summary>
/// <remarks>
/// A step of k is 24 multiply-adds, 6 broadcasts and 4 loads; 12 rows by 2 vectors need 14 to feed as many. A core that issues four
/// operations a cycle, or shares them with another thread, is bound by their number: two steps are written out for the same reason.
/// </remarks>
internal static unsafe class MatMulWideKernel<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Rows of the tallest tile.</summary>
    public const int MaxRows = 6;

    /// <summary>Computes a tile of <paramref name="rows"/> by four vectors, or three.</summary>
    public static void Run(int rows, bool four, in MatMulTile tile)
    {
        if (tile.ColumnA == 1)
        {
            if (four)
                Run<Four, RowMajor>(rows, tile);
            else
                Run<Three, RowMajor>(rows, tile);
        }
        else if (four)
        {
            Run<Four, AnyOrder>(rows, tile);
        }
        else
        {
            Run<Three, AnyOrder>(rows, tile);
        }
    }

    private static void Run<TColumns, TOrder>(int rows, in MatMulTile tile) where TColumns : struct, IWideColumns where TOrder : struct, ITileOrder
    {
        switch (rows)
        {
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
        where TRows : struct, ITileRows where TColumns : struct, IWideColumns where TOrder : struct, ITileOrder
    {
        TVector zero = TSimd.Zero;
        TVector c00 = zero, c01 = zero, c02 = zero, c03 = zero;
        TVector c10 = zero, c11 = zero, c12 = zero, c13 = zero;
        TVector c20 = zero, c21 = zero, c22 = zero, c23 = zero;
        TVector c30 = zero, c31 = zero, c32 = zero, c33 = zero;
        TVector c40 = zero, c41 = zero, c42 = zero, c43 = zero;
        TVector c50 = zero, c51 = zero, c52 = zero, c53 = zero;

        nint l = tile.RowA, l2 = 2 * l, step = TOrder.IsRowMajor ? 1 : tile.ColumnA, rowB = tile.RowB;
        float* p = tile.A;         // rows 0 to 2
        float* q = p + 3 * l;      // rows 3 to 5
        float* b = tile.B;
        if (Sse.IsSupported && tile.K >= MatMulTile.PrefetchDepth)
        {
            float* y = tile.C;
            for (int i = 0; i < TRows.Count; i++, y += tile.RowC)
            {
                Sse.Prefetch0(y);
                Sse.Prefetch0(y + TSimd.Width);
                Sse.Prefetch0(y + 2 * TSimd.Width);
                if (TColumns.IsFour)
                    Sse.Prefetch0(y + 3 * TSimd.Width);
            }
        }

        float* ahead = tile.Ahead;
        nint k = tile.K;
        for (; k > 1; k -= 2)
        {
            float* p1 = p + step;
            float* q1 = q + step;
            if (Sse.IsSupported)
                Sse.Prefetch1(ahead);
            ahead += MatMulTile.LineFloats;
            {
                TVector x0 = TSimd.Load(b);
                TVector x1 = TSimd.Load(b + 1 * TSimd.Width);
                TVector x2 = TSimd.Load(b + 2 * TSimd.Width);
                TVector x3 = TColumns.IsFour ? TSimd.Load(b + 3 * TSimd.Width) : zero;
                TVector a;
                a = TSimd.Broadcast(*(p)); c00 = TSimd.MultiplyAdd(a, x0, c00); c01 = TSimd.MultiplyAdd(a, x1, c01); c02 = TSimd.MultiplyAdd(a, x2, c02); if (TColumns.IsFour) c03 = TSimd.MultiplyAdd(a, x3, c03);
                if (TRows.Count > 1) { a = TSimd.Broadcast(*(p + l)); c10 = TSimd.MultiplyAdd(a, x0, c10); c11 = TSimd.MultiplyAdd(a, x1, c11); c12 = TSimd.MultiplyAdd(a, x2, c12); if (TColumns.IsFour) c13 = TSimd.MultiplyAdd(a, x3, c13); }
                if (TRows.Count > 2) { a = TSimd.Broadcast(*(p + l2)); c20 = TSimd.MultiplyAdd(a, x0, c20); c21 = TSimd.MultiplyAdd(a, x1, c21); c22 = TSimd.MultiplyAdd(a, x2, c22); if (TColumns.IsFour) c23 = TSimd.MultiplyAdd(a, x3, c23); }
                if (TRows.Count > 3) { a = TSimd.Broadcast(*(q)); c30 = TSimd.MultiplyAdd(a, x0, c30); c31 = TSimd.MultiplyAdd(a, x1, c31); c32 = TSimd.MultiplyAdd(a, x2, c32); if (TColumns.IsFour) c33 = TSimd.MultiplyAdd(a, x3, c33); }
                if (TRows.Count > 4) { a = TSimd.Broadcast(*(q + l)); c40 = TSimd.MultiplyAdd(a, x0, c40); c41 = TSimd.MultiplyAdd(a, x1, c41); c42 = TSimd.MultiplyAdd(a, x2, c42); if (TColumns.IsFour) c43 = TSimd.MultiplyAdd(a, x3, c43); }
                if (TRows.Count > 5) { a = TSimd.Broadcast(*(q + l2)); c50 = TSimd.MultiplyAdd(a, x0, c50); c51 = TSimd.MultiplyAdd(a, x1, c51); c52 = TSimd.MultiplyAdd(a, x2, c52); if (TColumns.IsFour) c53 = TSimd.MultiplyAdd(a, x3, c53); }
            }

            {
                TVector x0 = TSimd.Load(b + rowB);
                TVector x1 = TSimd.Load(b + rowB + 1 * TSimd.Width);
                TVector x2 = TSimd.Load(b + rowB + 2 * TSimd.Width);
                TVector x3 = TColumns.IsFour ? TSimd.Load(b + rowB + 3 * TSimd.Width) : zero;
                TVector a;
                a = TSimd.Broadcast(*(p1)); c00 = TSimd.MultiplyAdd(a, x0, c00); c01 = TSimd.MultiplyAdd(a, x1, c01); c02 = TSimd.MultiplyAdd(a, x2, c02); if (TColumns.IsFour) c03 = TSimd.MultiplyAdd(a, x3, c03);
                if (TRows.Count > 1) { a = TSimd.Broadcast(*(p1 + l)); c10 = TSimd.MultiplyAdd(a, x0, c10); c11 = TSimd.MultiplyAdd(a, x1, c11); c12 = TSimd.MultiplyAdd(a, x2, c12); if (TColumns.IsFour) c13 = TSimd.MultiplyAdd(a, x3, c13); }
                if (TRows.Count > 2) { a = TSimd.Broadcast(*(p1 + l2)); c20 = TSimd.MultiplyAdd(a, x0, c20); c21 = TSimd.MultiplyAdd(a, x1, c21); c22 = TSimd.MultiplyAdd(a, x2, c22); if (TColumns.IsFour) c23 = TSimd.MultiplyAdd(a, x3, c23); }
                if (TRows.Count > 3) { a = TSimd.Broadcast(*(q1)); c30 = TSimd.MultiplyAdd(a, x0, c30); c31 = TSimd.MultiplyAdd(a, x1, c31); c32 = TSimd.MultiplyAdd(a, x2, c32); if (TColumns.IsFour) c33 = TSimd.MultiplyAdd(a, x3, c33); }
                if (TRows.Count > 4) { a = TSimd.Broadcast(*(q1 + l)); c40 = TSimd.MultiplyAdd(a, x0, c40); c41 = TSimd.MultiplyAdd(a, x1, c41); c42 = TSimd.MultiplyAdd(a, x2, c42); if (TColumns.IsFour) c43 = TSimd.MultiplyAdd(a, x3, c43); }
                if (TRows.Count > 5) { a = TSimd.Broadcast(*(q1 + l2)); c50 = TSimd.MultiplyAdd(a, x0, c50); c51 = TSimd.MultiplyAdd(a, x1, c51); c52 = TSimd.MultiplyAdd(a, x2, c52); if (TColumns.IsFour) c53 = TSimd.MultiplyAdd(a, x3, c53); }
            }

            p = p1 + step;
            q = q1 + step;
            b += 2 * rowB;
        }

        if (k > 0)
            {
                TVector x0 = TSimd.Load(b);
                TVector x1 = TSimd.Load(b + 1 * TSimd.Width);
                TVector x2 = TSimd.Load(b + 2 * TSimd.Width);
                TVector x3 = TColumns.IsFour ? TSimd.Load(b + 3 * TSimd.Width) : zero;
                TVector a;
                a = TSimd.Broadcast(*(p)); c00 = TSimd.MultiplyAdd(a, x0, c00); c01 = TSimd.MultiplyAdd(a, x1, c01); c02 = TSimd.MultiplyAdd(a, x2, c02); if (TColumns.IsFour) c03 = TSimd.MultiplyAdd(a, x3, c03);
                if (TRows.Count > 1) { a = TSimd.Broadcast(*(p + l)); c10 = TSimd.MultiplyAdd(a, x0, c10); c11 = TSimd.MultiplyAdd(a, x1, c11); c12 = TSimd.MultiplyAdd(a, x2, c12); if (TColumns.IsFour) c13 = TSimd.MultiplyAdd(a, x3, c13); }
                if (TRows.Count > 2) { a = TSimd.Broadcast(*(p + l2)); c20 = TSimd.MultiplyAdd(a, x0, c20); c21 = TSimd.MultiplyAdd(a, x1, c21); c22 = TSimd.MultiplyAdd(a, x2, c22); if (TColumns.IsFour) c23 = TSimd.MultiplyAdd(a, x3, c23); }
                if (TRows.Count > 3) { a = TSimd.Broadcast(*(q)); c30 = TSimd.MultiplyAdd(a, x0, c30); c31 = TSimd.MultiplyAdd(a, x1, c31); c32 = TSimd.MultiplyAdd(a, x2, c32); if (TColumns.IsFour) c33 = TSimd.MultiplyAdd(a, x3, c33); }
                if (TRows.Count > 4) { a = TSimd.Broadcast(*(q + l)); c40 = TSimd.MultiplyAdd(a, x0, c40); c41 = TSimd.MultiplyAdd(a, x1, c41); c42 = TSimd.MultiplyAdd(a, x2, c42); if (TColumns.IsFour) c43 = TSimd.MultiplyAdd(a, x3, c43); }
                if (TRows.Count > 5) { a = TSimd.Broadcast(*(q + l2)); c50 = TSimd.MultiplyAdd(a, x0, c50); c51 = TSimd.MultiplyAdd(a, x1, c51); c52 = TSimd.MultiplyAdd(a, x2, c52); if (TColumns.IsFour) c53 = TSimd.MultiplyAdd(a, x3, c53); }
            }

        float* c = tile.C;
        nint rowC = tile.RowC;
        TVector alpha = TSimd.Broadcast(tile.Alpha);
        if (tile.Accumulate)
        {
            Add<TColumns>(c + 0 * rowC, c + 0 * rowC, alpha, c00, c01, c02, c03);
            if (TRows.Count > 1) Add<TColumns>(c + 1 * rowC, c + 1 * rowC, alpha, c10, c11, c12, c13);
            if (TRows.Count > 2) Add<TColumns>(c + 2 * rowC, c + 2 * rowC, alpha, c20, c21, c22, c23);
            if (TRows.Count > 3) Add<TColumns>(c + 3 * rowC, c + 3 * rowC, alpha, c30, c31, c32, c33);
            if (TRows.Count > 4) Add<TColumns>(c + 4 * rowC, c + 4 * rowC, alpha, c40, c41, c42, c43);
            if (TRows.Count > 5) Add<TColumns>(c + 5 * rowC, c + 5 * rowC, alpha, c50, c51, c52, c53);
        }
        else if (tile.Bias != null)
        {
            float* bias = tile.Bias;
            Add<TColumns>(c + 0 * rowC, bias, alpha, c00, c01, c02, c03);
            if (TRows.Count > 1) Add<TColumns>(c + 1 * rowC, bias, alpha, c10, c11, c12, c13);
            if (TRows.Count > 2) Add<TColumns>(c + 2 * rowC, bias, alpha, c20, c21, c22, c23);
            if (TRows.Count > 3) Add<TColumns>(c + 3 * rowC, bias, alpha, c30, c31, c32, c33);
            if (TRows.Count > 4) Add<TColumns>(c + 4 * rowC, bias, alpha, c40, c41, c42, c43);
            if (TRows.Count > 5) Add<TColumns>(c + 5 * rowC, bias, alpha, c50, c51, c52, c53);
        }
        else
        {
            Set<TColumns>(c + 0 * rowC, alpha, c00, c01, c02, c03);
            if (TRows.Count > 1) Set<TColumns>(c + 1 * rowC, alpha, c10, c11, c12, c13);
            if (TRows.Count > 2) Set<TColumns>(c + 2 * rowC, alpha, c20, c21, c22, c23);
            if (TRows.Count > 3) Set<TColumns>(c + 3 * rowC, alpha, c30, c31, c32, c33);
            if (TRows.Count > 4) Set<TColumns>(c + 4 * rowC, alpha, c40, c41, c42, c43);
            if (TRows.Count > 5) Set<TColumns>(c + 5 * rowC, alpha, c50, c51, c52, c53);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TColumns>(float* c, float* start, TVector alpha, TVector x0, TVector x1, TVector x2, TVector x3) where TColumns : struct, IWideColumns
    {
        TSimd.Store(c, TSimd.MultiplyAdd(alpha, x0, TSimd.Load(start)));
        TSimd.Store(c + TSimd.Width, TSimd.MultiplyAdd(alpha, x1, TSimd.Load(start + TSimd.Width)));
        TSimd.Store(c + 2 * TSimd.Width, TSimd.MultiplyAdd(alpha, x2, TSimd.Load(start + 2 * TSimd.Width)));
        if (TColumns.IsFour)
            TSimd.Store(c + 3 * TSimd.Width, TSimd.MultiplyAdd(alpha, x3, TSimd.Load(start + 3 * TSimd.Width)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Set<TColumns>(float* c, TVector alpha, TVector x0, TVector x1, TVector x2, TVector x3) where TColumns : struct, IWideColumns
    {
        TSimd.Store(c, TSimd.Multiply(alpha, x0));
        TSimd.Store(c + TSimd.Width, TSimd.Multiply(alpha, x1));
        TSimd.Store(c + 2 * TSimd.Width, TSimd.Multiply(alpha, x2));
        if (TColumns.IsFour)
            TSimd.Store(c + 3 * TSimd.Width, TSimd.Multiply(alpha, x3));
    }

    private interface IWideColumns
    {
        static abstract bool IsFour { get; }
    }

    private readonly struct Four : IWideColumns { public static bool IsFour => true; }

    private readonly struct Three : IWideColumns { public static bool IsFour => false; }
}
