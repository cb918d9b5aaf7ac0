using System.Runtime.InteropServices;
using System.Text;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>A tensor to write, and as what.</summary>
public sealed record GgufTensorSource(TensorSource Source, GgufTensorType Type);

/// <summary>Writes GGUF version 3, tensors in the given order, every one on a multiple of 32. Only a piece of a tensor is in memory at a time.</summary>
public static class GgufWriter
{
    private const int PieceLength = 64 * 1024;

    /// <param name="metadata">Without general.alignment: it is 32, the default.</param>
    /// <param name="tensors">F32, F16, BF16, or Q8_0 where rows are multiples of 32 elements.</param>
    /// <exception cref="FedSpineException">A value is NaN, infinite, or too large for its type.</exception>
    public static void Write(Stream stream, GgufMetadata metadata, IReadOnlyList<GgufTensorSource> tensors)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write(GgufHeader.Magic);
        writer.Write(3u);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)metadata.Values.Count);
        long position = 24;
        foreach (var (key, value) in metadata.Values)
            position += WriteString(writer, key) + WriteValue(writer, value);
        long offset = 0;
        foreach (var tensor in tensors)
        {
            position += WriteDescription(writer, tensor, offset);
            offset += Padded(Bytes(tensor));
        }

        Pad(writer, position);
        float[] piece = [];
        byte[] packed = [];
        foreach (var tensor in tensors)
        {
            WriteData(writer, tensor, ref piece, ref packed);
            Pad(writer, Bytes(tensor));
        }
    }

    /// <returns>Bytes written; likewise of the others.</returns>
    private static long WriteString(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
        return 8 + bytes.Length;
    }

    private static long WriteValue(BinaryWriter writer, GgufValue value)
    {
        long written = 4;
        if (value.IsArray)
        {
            writer.Write((uint)GgufValueType.Array);
            writer.Write((uint)value.Type);
            writer.Write((ulong)value.Count);
            written += 12;
        }
        else
        {
            writer.Write((uint)value.Type);
        }

        writer.Write(value.Bytes);
        return written + value.Bytes.Length + value.Strings.Sum(text => WriteString(writer, text));
    }

    private static long WriteDescription(BinaryWriter writer, GgufTensorSource tensor, long offset)
    {
        int[] shape = tensor.Source.Shape;
        if (shape.Length is 0 or > GgufHeader.MaxDimensions || shape[^1] % BlockOf(tensor.Type).Elements != 0)
            throw new ArgumentException($"{tensor.Source.Name} [{string.Join(", ", shape)}] cannot be written as {tensor.Type}", nameof(tensor));
        long written = WriteString(writer, tensor.Source.Name);
        writer.Write((uint)shape.Length);
        foreach (int dimension in shape.Reverse())
            writer.Write((ulong)dimension);
        writer.Write((uint)tensor.Type);
        writer.Write((ulong)offset);
        return written + 4 + 8 * shape.Length + 4 + 8;
    }

    /// <param name="piece">Scratch, kept from tensor to tensor; likewise <paramref name="packed"/>.</param>
    private static void WriteData(BinaryWriter writer, GgufTensorSource tensor, ref float[] piece, ref byte[] packed)
    {
        var (source, type) = tensor;
        int rows = source.Shape[0], columns = source.Shape.Skip(1).Aggregate(1, (product, dimension) => checked(product * dimension));
        int pieceRows = Math.Clamp(PieceLength / columns, 1, rows);
        if (piece.Length < pieceRows * columns)
            piece = new float[pieceRows * columns];
        for (int start = 0; start < rows; start += pieceRows)
        {
            int count = Math.Min(pieceRows, rows - start);
            var values = piece.AsSpan(0, count * columns);
            source.Read(start, count, values);
            int bad = FloatConversion.IndexOfBeyond(values, Largest(type));
            if (bad >= 0)
                throw new FedSpineException($"tensor {source.Name} holds {values[bad]} at [{start + bad / columns}, {bad % columns}], which is not written as {type}");
            var (elements, bytes) = BlockOf(type);
            int length = values.Length / elements * bytes;
            if (packed.Length < length)
                packed = new byte[length];
            Pack(type, values, packed.AsSpan(0, length));
            writer.Write(packed, 0, length);
        }
    }

    private static void Pack(GgufTensorType type, ReadOnlySpan<float> values, Span<byte> packed)
    {
        switch (type)
        {
            case GgufTensorType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(packed);
                break;
            case GgufTensorType.F16:
                FloatConversion.ToHalf(values, MemoryMarshal.Cast<byte, Half>(packed));
                break;
            case GgufTensorType.BF16:
                FloatConversion.ToBFloat16(values, MemoryMarshal.Cast<byte, ushort>(packed));
                break;
            default:
                Q8Block.Quantize(values, packed);
                break;
        }
    }

    private static float Largest(GgufTensorType type) => type switch
    {
        GgufTensorType.F16 => FloatConversion.LargestForHalf,
        GgufTensorType.BF16 => FloatConversion.LargestForBFloat16,
        GgufTensorType.Q8_0 => Q8Block.Largest,
        _ => float.MaxValue,
    };

    private static long Bytes(GgufTensorSource tensor)
    {
        var (elements, bytes) = BlockOf(tensor.Type);
        return tensor.Source.Shape.Aggregate(1L, (product, dimension) => product * dimension) / elements * bytes;
    }

    private static (int Elements, int Bytes) BlockOf(GgufTensorType type) =>
        type.IsSupported() ? type.Block()!.Value : throw new ArgumentException($"cannot write {type}, expected F32, F16, BF16 or Q8_0", nameof(type));

    private static long Padded(long bytes) => (bytes + GgufHeader.DefaultAlignment - 1) / GgufHeader.DefaultAlignment * GgufHeader.DefaultAlignment;

    private static void Pad(BinaryWriter writer, long bytes) => writer.Write(new byte[Padded(bytes) - bytes]);
}
