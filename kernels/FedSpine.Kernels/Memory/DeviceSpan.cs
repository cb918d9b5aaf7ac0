using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Memory;

/// <summary>
/// A typed slice of an arena: no ownership, no data access; only the backend that owns the arena can read it.
/// <c>default</c> is the absent operand (a linear layer without bias, say).
/// </summary>
/// <param name="Arena">The memory the slice lies in; null when absent.</param>
/// <param name="ByteOffset">Start, in bytes from the start of the arena.</param>
/// <param name="Length">Length in elements of <typeparamref name="T"/>.</param>
public readonly record struct DeviceSpan<T>(Arena? Arena, long ByteOffset, int Length) where T : unmanaged
{
    public bool IsEmpty => Length == 0;

    public long Bytes => (long)Length * Unsafe.SizeOf<T>();

    /// <summary>The elements [start, start + length).</summary>
    public DeviceSpan<T> Slice(int start, int length)
    {
        if ((uint)start > (uint)Length || (uint)length > (uint)(Length - start))
            throw new ArgumentOutOfRangeException(nameof(start), $"slice [{start}, {start + (long)length}) of a span of {Length} elements");
        return new DeviceSpan<T>(Arena, ByteOffset + (long)start * Unsafe.SizeOf<T>(), length);
    }
}
