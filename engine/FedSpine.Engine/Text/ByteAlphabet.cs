namespace FedSpine.Engine.Text;

/// <summary>
/// GPT-2's printable stand-ins for the 256 bytes: a printable Latin-1 byte stands for itself, the other 68 are U+0100 onwards in
/// byte order, so that a blank is 'Ġ' and a line break 'Ċ'.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Letters = CreateLetters();

    private static readonly short[] Bytes = CreateBytes();

    public static char LetterOf(byte value) => Letters[value];

    /// <summary>The byte that <paramref name="letter"/> stands for, or -1.</summary>
    public static int ByteOf(char letter) => letter < Bytes.Length ? Bytes[letter] : -1;

    private static char[] CreateLetters()
    {
        var letters = new char[256];
        int next = 0x100;
        for (int value = 0; value < 256; value++)
            letters[value] = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)value : (char)next++;
        return letters;
    }

    private static short[] CreateBytes()
    {
        var bytes = new short[Letters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (int value = 0; value < 256; value++)
            bytes[Letters[value]] = (short)value;
        return bytes;
    }
}
