using System.Buffers.Binary;
using System.Text;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>Reads the header of a GGUF file from its start. Nothing is read past the end and nothing is allocated that the file could not fill.</summary>
internal ref struct GgufCursor(string path, ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public int Position { get; private set; }

    public readonly int Left => _bytes.Length - Position;

    /// <param name="what">What the bytes are of, for the message.</param>
    public ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > Left)
            throw InputException.InFile(path, $"the file ends inside {what} (is it truncated?)");
        var taken = _bytes.Slice(Position, count);
        Position += count;
        return taken;
    }

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A count of items of at least <paramref name="itemBytes"/> bytes each.</summary>
    public int Count(int itemBytes, string what)
    {
        ulong count = UInt64(what);
        if (count > (ulong)(Left / itemBytes))
            throw InputException.InFile(path, $"{what} is {count}, the file has {Left} bytes after it (is it truncated?)");
        return (int)count;
    }

    public string String(string what)
    {
        int length = Count(1, $"the length of {what}");
        try
        {
            return StrictUtf8.GetString(Take(length, what));
        }
        catch (DecoderFallbackException e)
        {
            throw InputException.InFile(path, $"{what} is not UTF-8", e);
        }
    }
}
