namespace FedSpine.Engine.Formats;

/// <summary>Between float32 and the 16-bit types of checkpoints. Source and destination have equal lengths.</summary>
public static class FloatConversion
{
    public static void FromHalf(ReadOnlySpan<Half> source, Span<float> destination)
    {
        for (int i = 0; i < source.Length; i++)
            destination[i] = (float)source[i];
    }

    /// <summary>Round to nearest, ties to even; beyond 65504 (rounded) becomes infinity.</summary>
    public static void ToHalf(ReadOnlySpan<float> source, Span<Half> destination)
    {
        for (int i = 0; i < source.Length; i++)
            destination[i] = (Half)source[i];
    }

    /// <summary>A bfloat16 is the upper half of a float32: exact.</summary>
    public static void FromBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        for (int i = 0; i < source.Length; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    /// <summary>Round to nearest, ties to even.</summary>
    public static void ToBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[i]);
            // A NaN whose payload lies in the lower half must not round to infinity.
            destination[i] = float.IsNaN(source[i]) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    /// <summary>The largest float32 that does not round to infinity.</summary>
    public const float LargestForHalf = 65519.996f;

    /// <summary>The largest float32 that does not round to infinity.</summary>
    public static float LargestForBFloat16 => BitConverter.UInt32BitsToSingle(0x7F7F7FFF);

    /// <summary>Index of the first NaN, or of the first value beyond +-<paramref name="limit"/>; -1 when there is none.</summary>
    public static int IndexOfBeyond(ReadOnlySpan<float> values, float limit)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!(MathF.Abs(values[i]) <= limit))
                return i;
        }

        return -1;
    }
}
