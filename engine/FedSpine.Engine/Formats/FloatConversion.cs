using System.Numerics;

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

    /// <summary>Index of the first NaN or infinity; -1 when all are finite.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        // x - x is 0, or NaN where x is not finite; NaN survives the sum.
        var sum = Vector<float>.Zero;
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var x = new Vector<float>(values[i..]);
            sum += x - x;
        }

        float rest = Vector.Sum(sum);
        for (; i < values.Length; i++)
            rest += values[i] - values[i];
        if (rest == 0)
            return -1;
        for (i = 0; float.IsFinite(values[i]); i++) { }
        return i;
    }
}
