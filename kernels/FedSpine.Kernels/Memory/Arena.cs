namespace FedSpine.Kernels.Memory;

/// <summary>One block of backend memory. Spans point into it; only the arena owns and frees it.</summary>
public abstract class Arena(long bytes) : IDisposable
{
    /// <summary>Every slice handed out by a layout or plan starts on a multiple of this many bytes (one cache line, one 512-bit vector).</summary>
    public const int Alignment = 64;

    public long Bytes { get; } = bytes;

    public abstract void Dispose();

    /// <summary>Rounds a byte count up to the next multiple of <see cref="Alignment"/>.</summary>
    public static long Align(long bytes) => (bytes + Alignment - 1) & -Alignment;
}
