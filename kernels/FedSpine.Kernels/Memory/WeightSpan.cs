namespace FedSpine.Kernels.Memory;

/// <summary>How the elements of a weight are stored. Products dequantise them as they read; everything else is float32.</summary>
public enum WeightType
{
    F32,

    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>
    /// Blocks of 32 elements along the row, as in ggml: a float16 scale d, then 32 signed bytes q; x = d q. Every row starts a block, and
    /// one whose length is no multiple of 32 ends with a block that is filled up with zeros.
    /// </summary>
    Q8_0,
}

/// <summary>What a row of each type takes.</summary>
public static class WeightTypes
{
    /// <summary>Elements of a block of Q8_0.</summary>
    public const int BlockLength = 32;

    /// <summary>Bytes of a block of Q8_0: scale and elements.</summary>
    public const int BlockBytes = 2 + BlockLength;

    /// <summary>Bytes of a row of so many elements; rows follow one another without gaps.</summary>
    public static long RowBytes(this WeightType type, int columns) => type switch
    {
        WeightType.F32 => 4L * columns,
        WeightType.BF16 => 2L * columns,
        _ => (columns + BlockLength - 1L) / BlockLength * BlockBytes,
    };
}

/// <summary>
/// A slice of an arena that holds a weight of any type, row after row: no ownership, no data access. A float32 span is one as it is.
/// </summary>
/// <param name="Arena">The memory the slice lies in; null when absent.</param>
/// <param name="ByteOffset">Start, in bytes from the start of the arena.</param>
/// <param name="Length">Elements; how many make a row is the operator's to know.</param>
public readonly record struct WeightSpan(WeightType Type, Arena? Arena, long ByteOffset, int Length)
{
    public static implicit operator WeightSpan(DeviceSpan<float> span) => new(WeightType.F32, span.Arena, span.ByteOffset, span.Length);

    /// <summary>The elements as float32.</summary>
    /// <exception cref="InvalidOperationException">They are of another type.</exception>
    public DeviceSpan<float> Floats => Type == WeightType.F32
        ? new DeviceSpan<float>(Arena, ByteOffset, Length)
        : throw new InvalidOperationException($"a weight of type {Type} has no float32 elements");

    /// <summary>Bytes of the rows [start, start + rows) of <paramref name="columns"/> elements each.</summary>
    public DeviceSpan<byte> Rows(int start, int rows, int columns)
    {
        if (start < 0 || rows < 0 || (start + (long)rows) * columns > Length)
            throw new ArgumentOutOfRangeException(nameof(start), $"rows [{start}, {start + (long)rows}) of {columns} in a weight of {Length} elements");
        long rowBytes = Type.RowBytes(columns);
        return new DeviceSpan<byte>(Arena, ByteOffset + start * rowBytes, checked((int)(rows * rowBytes)));
    }
}
