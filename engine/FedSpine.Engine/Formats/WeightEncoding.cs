using System.Runtime.InteropServices;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Formats;

/// <summary>Rows of float32 as <see cref="WeightType"/> stores them, and back.</summary>
public static class WeightEncoding
{
    /// <summary>As people write it: f32, bf16, q8_0.</summary>
    public static string Label(this WeightType type) => type.ToString().ToLowerInvariant();

    /// <summary>The largest magnitude that stays finite.</summary>
    public static float Largest(this WeightType type) => type switch
    {
        WeightType.F32 => float.MaxValue,
        WeightType.BF16 => FloatConversion.LargestForBFloat16,
        _ => Q8Block.Largest,
    };

    /// <param name="x">Whole rows of finite values.</param>
    /// <param name="bytes">The bytes of as many rows.</param>
    public static void Encode(ReadOnlySpan<float> x, WeightType type, int columns, Span<byte> bytes)
    {
        switch (type)
        {
            case WeightType.F32:
                MemoryMarshal.AsBytes(x).CopyTo(bytes);
                break;
            case WeightType.BF16:
                FloatConversion.ToBFloat16(x, MemoryMarshal.Cast<byte, ushort>(bytes));
                break;
            default:
                EncodeBlocks(x, columns, bytes);
                break;
        }
    }

    /// <param name="bytes">Whole rows.</param>
    /// <param name="x">As many.</param>
    public static void Decode(ReadOnlySpan<byte> bytes, WeightType type, int columns, Span<float> x)
    {
        switch (type)
        {
            case WeightType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(x);
                break;
            case WeightType.BF16:
                FloatConversion.FromBFloat16(MemoryMarshal.Cast<byte, ushort>(bytes), x);
                break;
            default:
                int rowBytes = (int)type.RowBytes(columns);
                for (; x.Length > 0; x = x[columns..], bytes = bytes[rowBytes..])
                    Q8Block.Dequantize(bytes[..rowBytes], 0, x[..columns]);
                break;
        }
    }

    /// <summary>Every row starts a block; the last one of a row is filled up with zeros.</summary>
    private static void EncodeBlocks(ReadOnlySpan<float> x, int columns, Span<byte> bytes)
    {
        int whole = columns / Q8Block.Length * Q8Block.Length, wholeBytes = whole / Q8Block.Length * Q8Block.Bytes;
        Span<float> last = stackalloc float[Q8Block.Length];
        for (; x.Length > 0; x = x[columns..])
        {
            Q8Block.Quantize(x[..whole], bytes);
            bytes = bytes[wholeBytes..];
            if (whole == columns)
                continue;
            last.Clear();
            x[whole..columns].CopyTo(last);
            Q8Block.Quantize(last, bytes);
            bytes = bytes[Q8Block.Bytes..];
        }
    }
}
