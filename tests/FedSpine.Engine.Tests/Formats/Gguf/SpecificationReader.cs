using System.Text;

namespace FedSpine.Engine.Tests.Formats.Gguf;

/// <summary>
/// A second, naive reading of the GGUF specification, version 3, that shares nothing with the engine's: values as boxed objects, arrays
/// as object[], tensors as float[] in the file's order.
/// </summary>
internal sealed class SpecificationReader
{
    private readonly BinaryReader _reader;

    public SpecificationReader(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        _reader = new BinaryReader(new MemoryStream(file));
        Assert.Equal("GGUF"u8.ToArray(), _reader.ReadBytes(4));
        Assert.Equal(3u, _reader.ReadUInt32());
        ulong tensors = _reader.ReadUInt64(), pairs = _reader.ReadUInt64();
        for (ulong i = 0; i < pairs; i++)
        {
            string key = ReadString();
            Keys.Add(key);
            Values.Add(key, ReadValue(_reader.ReadUInt32()));
        }

        for (ulong i = 0; i < tensors; i++)
        {
            string name = ReadString();
            ulong[] dimensions = [.. Enumerable.Range(0, (int)_reader.ReadUInt32()).Select(_ => _reader.ReadUInt64())];
            Tensors.Add(new Tensor(name, dimensions, _reader.ReadUInt32(), _reader.ReadUInt64()));
        }

        long at = _reader.BaseStream.Position;
        while (at % 32 != 0)
            Assert.Equal(0, file[at++]);
        Data = file[(int)at..];
    }

    public sealed record Tensor(string Name, ulong[] Dimensions, uint Type, ulong Offset)
    {
        public int Elements => (int)Dimensions.Aggregate(1UL, (product, dimension) => product * dimension);

        public int Bytes => Type switch { 0 => Elements * 4, 1 or 30 => Elements * 2, 8 => Elements / 32 * 34, _ => throw new InvalidOperationException($"type {Type}") };
    }

    public List<string> Keys { get; } = [];

    public Dictionary<string, (uint Type, object Value)> Values { get; } = [];

    public List<Tensor> Tensors { get; } = [];

    public byte[] Data { get; }

    public object Value(string key, uint type)
    {
        Assert.Equal(type, Values[key].Type);
        return Values[key].Value;
    }

    public float[] Read(string name)
    {
        var tensor = Tensors.Single(t => t.Name == name);
        using var data = new BinaryReader(new MemoryStream(Data, (int)tensor.Offset, tensor.Bytes));
        var values = new float[tensor.Elements];
        float scale = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (tensor.Type == 8 && i % 32 == 0)
                scale = (float)data.ReadHalf();
            values[i] = tensor.Type switch
            {
                0 => data.ReadSingle(),
                1 => (float)data.ReadHalf(),
                30 => BitConverter.UInt32BitsToSingle((uint)data.ReadUInt16() << 16),
                _ => scale * data.ReadSByte(),
            };
        }

        return values;
    }

    private string ReadString() => Encoding.UTF8.GetString(_reader.ReadBytes((int)_reader.ReadUInt64()));

    private (uint, object) ReadValue(uint type) => (type, type switch
    {
        0 => _reader.ReadByte(),
        1 => _reader.ReadSByte(),
        2 => _reader.ReadUInt16(),
        3 => _reader.ReadInt16(),
        4 => _reader.ReadUInt32(),
        5 => _reader.ReadInt32(),
        6 => _reader.ReadSingle(),
        7 => _reader.ReadByte() switch { 0 => false, 1 => (object)true, var other => throw new InvalidOperationException($"boolean {other}") },
        8 => ReadString(),
        9 => ReadArray(_reader.ReadUInt32(), _reader.ReadUInt64()),
        10 => _reader.ReadUInt64(),
        11 => _reader.ReadInt64(),
        12 => _reader.ReadDouble(),
        _ => throw new InvalidOperationException($"type {type}"),
    });

    private object[] ReadArray(uint type, ulong count) => [.. Enumerable.Range(0, (int)count).Select(_ => ReadValue(type).Item2)];
}
