using System.Buffers.Binary;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Tests.Reference;

/// <summary>Weights as they are stored, one row after another, and what the stored values are.</summary>
public static class WeightReference
{
    private const int Block = 32;

    public static byte[] Encode(float[] x, WeightType type, int columns)
    {
        var bytes = new List<byte>();
        for (int start = 0; start < x.Length; start += columns)
        {
            var row = x.AsSpan(start, columns);
            switch (type)
            {
                case WeightType.F32:
                    foreach (float v in row)
                        bytes.AddRange(BitConverter.GetBytes(v));
                    break;
                case WeightType.BF16:
                    foreach (float v in row)
                        bytes.AddRange(BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))); // cut: any bfloat16 will do
                    break;
                default:
                    for (int k = 0; k < columns; k += Block)
                        AddBlock(bytes, row[k..Math.Min(k + Block, columns)]);
                    break;
            }
        }

        return [.. bytes];
    }

    public static float[] Decode(byte[] bytes, WeightType type, int length, int columns)
    {
        var x = new float[length];
        int rowBytes = length == 0 ? 0 : bytes.Length / (length / columns);
        for (int i = 0; i < length; i++)
        {
            var row = bytes.AsSpan(i / columns * rowBytes, rowBytes);
            int k = i % columns;
            x[i] = type switch
            {
                WeightType.F32 => BinaryPrimitives.ReadSingleLittleEndian(row[(4 * k)..]),
                WeightType.BF16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(row[(2 * k)..]) << 16),
                _ => (float)BinaryPrimitives.ReadHalfLittleEndian(row[(k / Block * 34)..]) * (sbyte)row[k / Block * 34 + 2 + k % Block],
            };
        }

        return x;
    }

    public static float[] Stored(float[] x, WeightType type, int columns) => Decode(Encode(x, type, columns), type, x.Length, columns);

    /// <summary>Scales of both signs, and some that are denormal in float16: a reader must take any.</summary>
    private static void AddBlock(List<byte> bytes, ReadOnlySpan<float> x)
    {
        float largest = 0;
        foreach (float v in x)
            largest = Math.Max(largest, Math.Abs(v));
        var d = (Half)(largest / 127);
        if (bytes.Count % 3 == 1)
            d = -d;
        if (bytes.Count % 7 == 1)
            d = Half.Epsilon * (Half)5;
        bytes.AddRange(BitConverter.GetBytes(d));
        for (int i = 0; i < Block; i++)
            bytes.Add(i < x.Length && d != Half.Zero ? (byte)(sbyte)Math.Clamp(Math.Round(x[i] / (double)d), -128, 127) : (byte)0);
    }
}
