using System.Buffers.Binary;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// ggml's Q8_0: blocks of 32 elements, d as float16, then 32 signed bytes q; x = d q with d = max |x| / 127 and q = x / d rounded to
/// the nearest, halves away from zero.
/// </summary>
internal static class Q8Block
{
    public const int Length = 32, Bytes = 2 + Length;

    /// <summary>The largest |x| whose d is finite in float16.</summary>
    public const float Largest = FloatConversion.LargestForHalf * 127;

    /// <param name="x">A multiple of 32 finite elements.</param>
    /// <param name="blocks">34 bytes for every 32 elements.</param>
    public static void Quantize(ReadOnlySpan<float> x, Span<byte> blocks)
    {
        for (; x.Length > 0; x = x[Length..], blocks = blocks[Bytes..])
        {
            float largest = 0;
            foreach (float value in x[..Length])
                largest = Math.Max(largest, Math.Abs(value));
            float d = largest / 127;
            float inverse = d == 0 ? 0 : 1 / d;
            if (!float.IsFinite(inverse)) // d is denormal, and zero in float16
                inverse = 0;
            BinaryPrimitives.WriteHalfLittleEndian(blocks, (Half)d);
            for (int i = 0; i < Length; i++)
                blocks[2 + i] = (byte)(sbyte)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>The elements [start, start + y.Length) of a run of blocks.</summary>
    public static void Dequantize(ReadOnlySpan<byte> blocks, int start, Span<float> y)
    {
        for (int i = 0; i < y.Length;)
        {
            int within = (start + i) % Length;
            var block = blocks.Slice((start + i) / Length * Bytes, Bytes);
            float d = (float)BinaryPrimitives.ReadHalfLittleEndian(block);
            for (int end = Math.Min(y.Length, i + Length - within); i < end; i++, within++)
                y[i] = d * (sbyte)block[2 + within];
        }
    }
}
