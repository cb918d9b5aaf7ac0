using System.Buffers.Binary;

namespace FedSpine.Engine.Text;

/// <summary>Walks the fields of one protocol-buffers message in memory (https://protobuf.dev/programming-guides/encoding/).</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private readonly ReadOnlySpan<byte> _message = message;
    private int _at;

    /// <summary>Number of the field that <see cref="Next"/> found.</summary>
    public int Field { get; private set; }

    /// <summary>Value of a varint field; 0 for the other kinds.</summary>
    public ulong Number { get; private set; }

    /// <summary>Value of a 32-bit field as a float; 0 for the other kinds.</summary>
    public float Float { get; private set; }

    /// <summary>Content of a length-delimited field; empty for the other kinds.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Moves to the next field; false at the end.</summary>
    /// <exception cref="InvalidDataException">The message is malformed.</exception>
    public bool Next()
    {
        if (_at == _message.Length)
            return false;
        int start = _at;
        ulong key = ReadVarint(start);
        Field = (int)Math.Min(key >> 3, int.MaxValue);
        (Number, Float) = (0, 0);
        Bytes = default;
        switch (key & 7)
        {
            case 0:
                Number = ReadVarint(start);
                break;
            case 1:
                Take(8, start);
                break;
            case 2:
                Bytes = Take(ReadVarint(start), start);
                break;
            case 5:
                Float = BinaryPrimitives.ReadSingleLittleEndian(Take(4, start));
                break;
            default:
                throw new InvalidDataException($"field at byte {start} has wire type {key & 7}");
        }

        return Field > 0 ? true : throw new InvalidDataException($"field at byte {start} has number 0");
    }

    private ulong ReadVarint(int start)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte part = Take(1, start)[0];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }

        throw new InvalidDataException($"field at byte {start} has a number longer than 64 bits");
    }

    private ReadOnlySpan<byte> Take(ulong count, int start)
    {
        if (count > (ulong)(_message.Length - _at))
            throw new InvalidDataException($"field at byte {start} ends beyond the message of {_message.Length} bytes");
        var taken = _message.Slice(_at, (int)count);
        _at += (int)count;
        return taken;
    }
}
