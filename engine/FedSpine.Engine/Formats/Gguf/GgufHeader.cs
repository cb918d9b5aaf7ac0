using System.Numerics;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// Everything before the data of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), little-endian: "GGUF",
/// version (u32), number of tensors and of key-value pairs (u64), the pairs, then per tensor name, dimensions (fastest first), type
/// and offset into the data section, which begins at the next multiple of the alignment. Everything it claims is checked before it is believed.
/// </summary>
internal sealed class GgufHeader
{
    public const uint Magic = 0x46554747; // "GGUF"

    public const int DefaultAlignment = 32, MaxDimensions = 4;

    /// <summary>Beyond any file, and far from 64 bits.</summary>
    private const ulong MostElements = 1UL << 48;

    private const string AlignmentKey = "general.alignment";

    private readonly string _path;
    private readonly Dictionary<string, GgufTensor> _tensors = new(StringComparer.Ordinal);

    private GgufHeader(string path) => (_path, Metadata) = (path, new GgufMetadata(path));

    public uint Version { get; private set; }

    public int Alignment { get; private set; }

    public GgufMetadata Metadata { get; }

    public IReadOnlyDictionary<string, GgufTensor> Tensors => _tensors;

    /// <summary>Offset of the data section in the file.</summary>
    public long DataStart { get; private set; }

    /// <param name="start">The file, or as much of its start as one span holds.</param>
    /// <param name="fileBytes">Size of the file.</param>
    /// <exception cref="InputException">Not a GGUF file, or one that contradicts itself or its size.</exception>
    public static GgufHeader Parse(string path, ReadOnlySpan<byte> start, long fileBytes)
    {
        var header = new GgufHeader(path);
        var cursor = new GgufCursor(path, start);
        if (cursor.UInt32("the magic number") != Magic)
            throw InputException.InFile(path, "not a GGUF file (it does not begin with \"GGUF\")");
        header.ReadVersion(ref cursor);
        int tensors = cursor.Count(24, "the number of tensors"), pairs = cursor.Count(13, "the number of metadata pairs");
        for (int i = 0; i < pairs; i++)
            header.ReadPair(ref cursor, i);
        header.ReadAlignment();
        for (int i = 0; i < tensors; i++)
            header.ReadTensor(ref cursor, i);
        header.DataStart = (cursor.Position + header.Alignment - 1L) / header.Alignment * header.Alignment;
        header.CheckLayout(fileBytes);
        return header;
    }

    private void ReadVersion(ref GgufCursor cursor)
    {
        Version = cursor.UInt32("the version");
        if (Version is 2 or 3)
            return;
        throw InputException.InFile(_path, Version != 0 && (Version & 0xFFFF) == 0
            ? "a big-endian GGUF file, which is not supported"
            : $"GGUF version is {Version}, supported are 2 and 3");
    }

    private void ReadPair(ref GgufCursor cursor, int index)
    {
        string key = cursor.String($"metadata key {index}");
        if (key.Length == 0 || key.AsSpan().ContainsAnyInRange('\0', ' '))
            throw InputException.InFile(_path, $"metadata key {index} is empty or holds white space");
        string what = $"the value of {key}";
        var type = ReadType(ref cursor, key);
        if (type != GgufValueType.Array)
        {
            Metadata.Add(key, type == GgufValueType.String ? GgufValue.Of(cursor.String(what)) : Checked(key, GgufValue.FromBytes(type, false, cursor.Take(type.Bytes(), what).ToArray())));
            return;
        }

        type = ReadType(ref cursor, key);
        if (type == GgufValueType.Array)
            throw Metadata.Error(key, "is an array of arrays, which is not supported");
        int count = cursor.Count(type == GgufValueType.String ? 8 : type.Bytes(), $"the length of {key}");
        if (type != GgufValueType.String)
        {
            Metadata.Add(key, Checked(key, GgufValue.FromBytes(type, true, cursor.Take(count * type.Bytes(), what).ToArray())));
            return;
        }

        var strings = new string[count];
        for (int i = 0; i < count; i++)
            strings[i] = cursor.String(what);
        Metadata.Add(key, GgufValue.Of(strings));
    }

    private GgufValueType ReadType(ref GgufCursor cursor, string key)
    {
        uint type = cursor.UInt32($"the type of {key}");
        return type <= (uint)GgufValueType.Float64 ? (GgufValueType)type : throw Metadata.Error(key, $"is of type {type}, which GGUF does not have");
    }

    private GgufValue Checked(string key, GgufValue value)
    {
        if (value.Type == GgufValueType.Bool && value.Bytes.ContainsAnyExceptInRange((byte)0, (byte)1))
            throw Metadata.Error(key, "holds a boolean that is neither 0 nor 1");
        return value;
    }

    private void ReadAlignment()
    {
        Alignment = Metadata.OptionalInt(AlignmentKey, 1, 1 << 20) ?? DefaultAlignment;
        if (!BitOperations.IsPow2(Alignment))
            throw Metadata.Error(AlignmentKey, $"is {Alignment}, expected a power of two");
    }

    private void ReadTensor(ref GgufCursor cursor, int index)
    {
        string name = cursor.String($"the name of tensor {index}");
        if (name.Length == 0 || name.AsSpan().ContainsAnyInRange('\0', ' '))
            throw InputException.InFile(_path, $"the name of tensor {index} is empty or holds white space");
        string what = $"the description of tensor {name}";
        uint dimensions = cursor.UInt32(what);
        if (dimensions is 0 or > MaxDimensions)
            throw InputException.InFile(_path, $"tensor {name} has {dimensions} dimensions, expected 1 to {MaxDimensions}");
        var shape = new long[dimensions];
        ulong length = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            ulong dimension = cursor.UInt64(what);
            if (dimension == 0 || length > MostElements / dimension)
                throw InputException.InFile(_path, $"tensor {name}: dimension {dimension} is impossible");
            length *= dimension;
            shape[i] = (long)dimension;
        }

        uint number = cursor.UInt32(what);
        var type = (GgufTensorType)number;
        if (type.Block() is not { } block)
            throw InputException.InFile(_path, $"tensor {name} is of type {number}, which is not known");
        if (shape[^1] % block.Elements != 0)
            throw InputException.InFile(_path, $"tensor {name}: rows of {shape[^1]} elements are not whole blocks of {block.Elements}, which {type} has");
        ulong offset = cursor.UInt64(what);
        if (offset > long.MaxValue / 2 || offset % (ulong)Alignment != 0)
            throw InputException.InFile(_path, $"tensor {name}: offset {offset} is not a multiple of the alignment {Alignment} inside the file");
        if (!_tensors.TryAdd(name, new GgufTensor(name, type, shape, (long)offset, (long)length / block.Elements * block.Bytes)))
            throw InputException.InFile(_path, $"tensor {name} appears twice");
    }

    /// <summary>Every tensor inside the file and no two on the same bytes.</summary>
    private void CheckLayout(long fileBytes)
    {
        long dataBytes = Math.Max(0, fileBytes - DataStart);
        GgufTensor? before = null;
        foreach (var tensor in _tensors.Values.OrderBy(t => t.Offset))
        {
            if (tensor.Offset > dataBytes || tensor.Bytes > dataBytes - tensor.Offset)
                throw InputException.InFile(_path, $"tensor {tensor.Name}: bytes [{tensor.Offset}, {tensor.Offset + tensor.Bytes}) are outside the data section of {dataBytes} (is the file truncated?)");
            if (before is not null && before.Offset + before.Bytes > tensor.Offset)
                throw InputException.InFile(_path, $"tensors {before.Name} and {tensor.Name} overlap");
            before = tensor;
        }
    }
}
