using System.Runtime.CompilerServices;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Columns in a block of a pass down the columns of a matrix: a whole number of vectors and of cache lines.</summary>
    private const int ColumnBlock = 64;

    private const int WidestColumnBlock = 1024;

    /// <summary>Forks over elements. Chunks start on multiples of every vector width, so that the tail is the same for any number of threads.</summary>
    private void ForElements<TBody>(int count, ref TBody body) where TBody : unmanaged, IRangeBody => _pool.For(count, ElementGrain, ref body);

    /// <summary>Forks over rows of <paramref name="elementsPerRow"/> elements.</summary>
    private void ForRows<TBody>(int rows, long elementsPerRow, ref TBody body) where TBody : unmanaged, IRangeBody =>
        _pool.For(rows, (int)Math.Max(1, ElementGrain / Math.Max(1, elementsPerRow)), ref body);

    /// <summary>
    /// Forks over blocks of columns, for sums down the columns: each column is summed by one thread, rows in order. The body's
    /// range is in columns and starts on a multiple of <see cref="ColumnBlock"/>. Blocks are as wide as two a thread allow, up to a
    /// page: a narrow block takes a few lines from every page of the matrix, which neither prefetcher nor TLB likes.
    /// </summary>
    private void ForColumns<TBody>(int columns, long elementsPerColumn, ref TBody body) where TBody : unmanaged, IRangeBody
    {
        long grain = Math.Max(ElementGrain / Math.Max(1, elementsPerColumn), Math.Min(columns / (2 * _pool.Count), WidestColumnBlock));
        _pool.For(columns, (int)Math.Max(ColumnBlock, grain / ColumnBlock * ColumnBlock), ref body);
    }

    /// <summary>Every id must be a row (or column) of the table: checked before anything is written.</summary>
    private static void RequireIndices(DeviceSpan<int> indices, int count, [CallerArgumentExpression(nameof(indices))] string name = "")
    {
        int* p = Pointer(indices);
        for (int i = 0; i < indices.Length; i++)
            if ((uint)p[i] >= (uint)count)
                throw new ArgumentException($"{name}[{i}] is {p[i]}, outside [0, {count})");
    }

    /// <summary>One length per example, each in [0, T].</summary>
    private static void RequireLengths(DeviceSpan<int> lengths, int B, int T)
    {
        RequireLength(lengths, B);
        int* p = Pointer(lengths);
        for (int b = 0; b < B; b++)
            if ((uint)p[b] > (uint)T)
                throw new ArgumentException($"lengths[{b}] is {p[b]}, outside [0, {T}]");
    }

    /// <summary>The rows of a table of <paramref name="D"/> columns.</summary>
    private static int RowsOf(WeightSpan table, int D, [CallerArgumentExpression(nameof(table))] string name = "")
    {
        if (D <= 0 || table.Length % D != 0)
            throw new ArgumentException($"{name} has {table.Length} elements, not a whole number of rows of {D}");
        return table.Length / D;
    }
}
