using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using FedSpine.Engine.Models;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Formats;

/// <summary>Fills the rows [start, start + rows) of a tensor, row-major.</summary>
public delegate void RowReader(int start, int rows, Span<float> destination);

/// <summary>A tensor to write: its rows (first dimension) are asked for piece by piece.</summary>
public sealed record TensorSource(string Name, int[] Shape, RowReader Read)
{
    /// <summary>A tensor in host memory.</summary>
    public static TensorSource Of(string name, int[] shape, float[] values)
    {
        int columns = shape.Skip(1).Aggregate(1, (product, dimension) => product * dimension);
        return new TensorSource(name, shape, (start, rows, destination) => values.AsSpan(start * columns, rows * columns).CopyTo(destination));
    }

    /// <summary>A model's values or moments as one vector, for checkpoints.</summary>
    internal static TensorSource Flat(Model model, string name, DeviceSpan<float> values) =>
        new(name, [values.Length], (start, rows, destination) => model.Backend.Download(destination, values.Slice(start, rows)));
}

/// <summary>
/// Writes safetensors as the reference implementation lays them out: tensors sorted by name, header padded with spaces to 8
/// bytes, data packed. Only a piece of a tensor is in memory at a time.
/// </summary>
public static class SafetensorsWriter
{
    private const int PieceLength = 64 * 1024;

    /// <param name="type">F32, F16 or BF16, for every tensor; rounded to nearest even.</param>
    /// <param name="metadata">Null: {"format": "pt"}, which Hugging Face's loaders ask for.</param>
    /// <exception cref="FedSpineException">A value is NaN, infinite, or too large for <paramref name="type"/>.</exception>
    public static void Write(Stream stream, IEnumerable<TensorSource> tensors, SafetensorsType type = SafetensorsType.F32, IReadOnlyDictionary<string, string>? metadata = null)
    {
        if (type is not (SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16))
            throw new ArgumentException($"cannot write {type}, expected F32, F16 or BF16", nameof(type));
        var sorted = tensors.OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
        WriteHeader(stream, sorted, type, metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
        float[] piece = [];
        ushort[] narrow = [];
        foreach (var tensor in sorted)
            WriteData(stream, tensor, type, ref piece, ref narrow);
    }

    private static void WriteHeader(Stream stream, List<TensorSource> tensors, SafetensorsType type, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
                json.WriteString(key, value);
            json.WriteEndObject();
            long offset = 0;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", type.ToString());
                json.WriteStartArray("shape");
                foreach (int dimension in tensor.Shape)
                    json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset += tensor.Shape.Aggregate(1L, (product, dimension) => product * dimension) * type.Bits() / 8;
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, buffer.Length);
        stream.Write(length);
        buffer.WriteTo(stream);
    }

    /// <param name="piece">Scratch, kept from tensor to tensor; likewise <paramref name="narrow"/> for the 16-bit types.</param>
    private static void WriteData(Stream stream, TensorSource tensor, SafetensorsType type, ref float[] piece, ref ushort[] narrow)
    {
        int columns = tensor.Shape.Skip(1).Aggregate(1, (product, dimension) => checked(product * dimension));
        int rows = tensor.Shape.Length == 0 ? 1 : tensor.Shape[0];
        if (columns == 0)
            return;
        int pieceRows = Math.Clamp(PieceLength / columns, 1, Math.Max(rows, 1));
        if (piece.Length < pieceRows * columns)
            piece = new float[pieceRows * columns];
        if (type != SafetensorsType.F32 && narrow.Length < piece.Length)
            narrow = new ushort[piece.Length];
        for (int start = 0; start < rows; start += pieceRows)
        {
            int count = Math.Min(pieceRows, rows - start);
            var values = piece.AsSpan(0, count * columns);
            tensor.Read(start, count, values);
            Check(tensor, type, start, columns, values);
            if (type == SafetensorsType.F32)
            {
                stream.Write(MemoryMarshal.AsBytes(values));
                continue;
            }

            var rounded = narrow.AsSpan(0, values.Length);
            if (type == SafetensorsType.F16)
                FloatConversion.ToHalf(values, MemoryMarshal.Cast<ushort, Half>(rounded));
            else
                FloatConversion.ToBFloat16(values, rounded);
            stream.Write(MemoryMarshal.AsBytes(rounded));
        }
    }

    private static void Check(TensorSource tensor, SafetensorsType type, int start, int columns, ReadOnlySpan<float> values)
    {
        float limit = type switch
        {
            SafetensorsType.F16 => FloatConversion.LargestForHalf,
            SafetensorsType.BF16 => FloatConversion.LargestForBFloat16,
            _ => float.MaxValue,
        };
        int bad = FloatConversion.IndexOfBeyond(values, limit);
        if (bad >= 0)
            throw new FedSpineException($"tensor {tensor.Name} holds {values[bad]} at [{start + bad / columns}, {bad % columns}], which is not written as {type}");
    }
}
