using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Memory;

/// <summary>
/// Sums up the slices of a long-lived arena (weights, trainable state) before it is allocated.
/// Reserve everything, allocate one arena of <see cref="Bytes"/>, then turn each reservation into a span.
/// </summary>
public sealed class ArenaLayout
{
    public long Bytes { get; private set; }

    /// <summary>Reserves <paramref name="length"/> elements and returns the byte offset of the first.</summary>
    public long Reserve<T>(int length) where T : unmanaged
    {
        long offset = Bytes;
        Bytes += Arena.Align((long)length * Unsafe.SizeOf<T>());
        return offset;
    }

    /// <summary>Reserves the rows of a weight and returns the byte offset of the first.</summary>
    public long Reserve(WeightType type, int rows, int columns)
    {
        long offset = Bytes;
        Bytes += Arena.Align(rows * type.RowBytes(columns));
        return offset;
    }
}
