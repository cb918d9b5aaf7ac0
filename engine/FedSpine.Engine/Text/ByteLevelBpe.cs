using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace FedSpine.Engine.Text;

/// <summary>Byte-level byte-pair encoding (GPT-2, RoBERTa, LLaMA 3, Qwen2): lossless for any well-formed text when all bytes are in the table.</summary>
internal sealed class ByteLevelBpe : ITextCodec
{
    private readonly BpeTokenizer _tokenizer;
    private readonly TokenTable _table;

    /// <param name="merges">"left right", best first.</param>
    /// <exception cref="InputException">A merge names a token that the table lacks.</exception>
    public ByteLevelBpe(TokenTable table, IReadOnlyList<string> merges, BytePairOptions options, string mergesFile)
    {
        _table = table;
        Merges = merges;
        Options = options;
        try
        {
            _tokenizer = BpeTokenizer.Create(new BpeOptions(table.Entries)
            {
                Merges = merges,
                ByteLevel = true,
                PreTokenizer = new RegexPreTokenizer(options.Words, null),
            });
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw InputException.InFile(mergesFile, e.Message.ReplaceLineEndings(" "), e);
        }
    }

    /// <summary>"left right", best first.</summary>
    public IReadOnlyList<string> Merges { get; }

    public BytePairOptions Options { get; }

    public IReadOnlyList<int> Encode(string text)
    {
        if (Options.AddPrefixSpace && text.Length > 0 && !char.IsWhiteSpace(text[0]))
            text = " " + text;
        if (!Options.IgnoreMerges)
            return _tokenizer.EncodeToIds(text);

        var ids = new List<int>();
        foreach (System.Text.RegularExpressions.ValueMatch word in Options.Words.EnumerateMatches(text))
        {
            string letters = Letters(text.AsSpan(word.Index, word.Length));
            if (_table.IdOf(letters) is int id)
                ids.Add(id);
            else
                ids.AddRange(_tokenizer.EncodeToIds(text.AsSpan(word.Index, word.Length), considerPreTokenization: false));
        }
        return ids;
    }

    public string Decode(IReadOnlyList<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>();
        Span<byte> utf8 = stackalloc byte[4];
        foreach (int id in ids)
        {
            foreach (Rune rune in _table.TokenOf(id)!.EnumerateRunes())
            {
                int value = rune.IsBmp ? ByteAlphabet.ByteOf((char)rune.Value) : -1;
                if (value >= 0)
                    bytes.Write([(byte)value]);
                else // an added token, spelled as it is
                    bytes.Write(utf8[..rune.EncodeToUtf8(utf8)]);
            }
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>The text's bytes in the printable alphabet that tokens are written in.</summary>
    public static string Letters(ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int count = Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(count, bytes, (letters, values) =>
        {
            for (int i = 0; i < letters.Length; i++)
                letters[i] = ByteAlphabet.LetterOf(values[i]);
        });
    }
}
