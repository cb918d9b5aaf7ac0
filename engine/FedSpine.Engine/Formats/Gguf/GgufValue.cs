using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>A metadata value: a number, boolean or string, or an array of one of them. Numbers are kept as the file has them, little-endian.</summary>
public sealed class GgufValue
{
    private readonly byte[] _bytes;
    private readonly string[] _strings;

    private GgufValue(GgufValueType type, bool isArray, byte[] bytes, string[] strings)
    {
        (Type, IsArray, _bytes, _strings) = (type, isArray, bytes, strings);
        Count = type == GgufValueType.String ? strings.Length : bytes.Length / type.Bytes();
    }

    /// <summary>Of the value, or of the array's elements; never <see cref="GgufValueType.Array"/>.</summary>
    public GgufValueType Type { get; }

    public bool IsArray { get; }

    /// <summary>Elements; 1 for a value that is no array.</summary>
    public int Count { get; }

    public bool IsInteger => Type is not (GgufValueType.Float32 or GgufValueType.Float64 or GgufValueType.Bool or GgufValueType.String);

    /// <summary>Numbers and booleans, as in the file.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    internal IReadOnlyList<string> Strings => _strings;

    public static GgufValue Of(uint value) => Numbers<uint>(GgufValueType.UInt32, isArray: false, [value]);

    public static GgufValue Of(float value) => Numbers<float>(GgufValueType.Float32, isArray: false, [value]);

    public static GgufValue Of(bool value) => new(GgufValueType.Bool, false, [value ? (byte)1 : (byte)0], []);

    public static GgufValue Of(string value) => new(GgufValueType.String, false, [], [value]);

    public static GgufValue Of(string[] values) => new(GgufValueType.String, true, [], values);

    public static GgufValue Of(float[] values) => Numbers<float>(GgufValueType.Float32, isArray: true, values);

    public static GgufValue Of(int[] values) => Numbers<int>(GgufValueType.Int32, isArray: true, values);

    /// <param name="bytes">Whole elements, little-endian.</param>
    internal static GgufValue FromBytes(GgufValueType type, bool isArray, byte[] bytes) => new(type, isArray, bytes, []);

    /// <summary>Element <paramref name="index"/> of integers; null when it does not fit 64 bits with a sign.</summary>
    public long? Integer(int index)
    {
        var at = _bytes.AsSpan(index * Type.Bytes());
        return Type switch
        {
            GgufValueType.UInt8 => at[0],
            GgufValueType.Int8 => (sbyte)at[0],
            GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(at),
            GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(at),
            GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(at),
            GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(at),
            GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(at),
            GgufValueType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(at) is <= long.MaxValue and var value ? (long)value : null,
            _ => throw new InvalidOperationException($"{Type} is no integer type"),
        };
    }

    /// <summary>Element <paramref name="index"/> of numbers.</summary>
    public double Number(int index) => Type switch
    {
        GgufValueType.Float32 => BinaryPrimitives.ReadSingleLittleEndian(_bytes.AsSpan(4 * index)),
        GgufValueType.Float64 => BinaryPrimitives.ReadDoubleLittleEndian(_bytes.AsSpan(8 * index)),
        _ => Integer(index) ?? double.PositiveInfinity,
    };

    /// <summary>Element <paramref name="index"/> of booleans.</summary>
    public bool Boolean(int index) => Type == GgufValueType.Bool ? _bytes[index] != 0 : throw new InvalidOperationException($"{Type} is no boolean");

    /// <summary>Element <paramref name="index"/> of strings.</summary>
    public string Text(int index) => _strings[index];

    /// <summary>For messages: on one line and not too long.</summary>
    public override string ToString()
    {
        if (IsArray)
            return $"an array of {Count} {Type}";
        string text = Type switch
        {
            GgufValueType.String => $"\"{_strings[0].ReplaceLineEndings(" ")}\"",
            GgufValueType.Bool => Boolean(0) ? "true" : "false",
            _ => Number(0).ToString(CultureInfo.InvariantCulture),
        };
        return text.Length <= 40 ? text : text[..40] + "...";
    }

    private static GgufValue Numbers<T>(GgufValueType type, bool isArray, ReadOnlySpan<T> values) where T : unmanaged
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("GGUF is written on little-endian machines");
        return new GgufValue(type, isArray, MemoryMarshal.AsBytes(values).ToArray(), []);
    }
}
