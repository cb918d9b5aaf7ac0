using System.Text;

namespace FedSpine.Engine.Text;

/// <summary>Whole text files, checked while they are decoded.</summary>
public static class TextFile
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The file's text without byte order mark.</summary>
    /// <exception cref="InputException">Missing, unreadable, too large, or not UTF-8 (which line and byte).</exception>
    public static string ReadUtf8(string file)
    {
        ReadOnlySpan<byte> bytes = ReadBytes(file);
        if (bytes.StartsWith(Encoding.UTF8.Preamble))
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            int at = FirstInvalid(bytes);
            throw InputException.InFile($"{file}:{bytes[..at].Count((byte)'\n') + 1}", $"not UTF-8 (byte 0x{bytes[at]:X2}); is it another encoding, such as latin1?", e);
        }
    }

    /// <exception cref="InputException">Missing, unreadable or too large.</exception>
    public static string ReadLatin1(string file) => Encoding.Latin1.GetString(ReadBytes(file));

    private static byte[] ReadBytes(string file)
    {
        try
        {
            var info = new FileInfo(file);
            if (Directory.Exists(file))
                throw InputException.InFile(file, "is a folder, expected a file");
            if (info.Exists && info.Length > Array.MaxLength / 2)
                throw InputException.InFile(file, $"{info.Length} bytes, the limit is {Array.MaxLength / 2}");
            return File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw InputException.InFile(file, e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : "cannot be read", e);
        }
    }

    private static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == System.Buffers.OperationStatus.Done)
            at += length;
        return at;
    }
}
