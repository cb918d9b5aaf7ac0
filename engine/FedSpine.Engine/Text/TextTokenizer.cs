using System.Text;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Text;

/// <summary>
/// A tokenizer as Hugging Face folders hold it: byte-level BPE (RoBERTa, GPT-2, LLaMA 3, Qwen2), WordPiece (BERT) or SentencePiece
/// BPE (LLaMA 2, Mistral). Text never turns into special tokens, whatever it spells; added tokens that are not special are found in
/// it. Chat templates are not applied. Safe for concurrent use.
/// </summary>
public sealed class TextTokenizer
{
    private readonly ITextCodec _codec;
    private readonly TokenTable _table;
    private readonly SpecialTokens _specials;

    private TextTokenizer(string folder, ITextCodec codec, TokenTable table, SpecialTokens specials)
    {
        Folder = folder;
        _codec = codec;
        _table = table;
        _specials = specials;
    }

    /// <summary>The folder or GGUF file it was loaded from, for <see cref="Formats.ModelFolder"/> to copy.</summary>
    public string Folder { get; }

    /// <summary>One more than the largest id: the embedding rows that a model needs.</summary>
    public int VocabularySize => _table.Size;

    /// <summary>&lt;s&gt; or [CLS].</summary>
    public int? BosId => _specials.Bos;

    /// <summary>&lt;/s&gt; or [SEP].</summary>
    public int? EosId => _specials.Eos;

    public int? PadId => _specials.Pad;

    public int? MaskId => _specials.Mask;

    public int? UnkId => _specials.Unk;

    /// <summary>Reads tokenizer.model, tokenizer.json, vocab.json with merges.txt, or vocab.txt, whichever is found first; or the metadata of a GGUF file.</summary>
    /// <param name="path">A Hugging Face folder or a GGUF file.</param>
    /// <exception cref="InputException">No supported tokenizer there, or a malformed file.</exception>
    public static TextTokenizer Load(string path)
    {
        var (codec, table, specials) = GgufFile.Is(path) ? GgufTokenizer.Read(path) : TokenizerFolder.Read(path);
        return new TextTokenizer(path, codec, table, specials);
    }

    public bool IsSpecial(int id) => _specials.Contains(id);

    /// <summary>Ids without special tokens. Lone surrogates are read as U+FFFD.</summary>
    public int[] Encode(string text) => text.Length == 0 ? [] : [.. _codec.Encode(WellFormed(text))];

    /// <summary>
    /// The family's input: RoBERTa &lt;s&gt; a &lt;/s&gt; or &lt;s&gt; a &lt;/s&gt;&lt;/s&gt; b &lt;/s&gt;; BERT [CLS] a [SEP] or
    /// [CLS] a [SEP] b [SEP] with types 0 and 1; LLaMA &lt;s&gt; a or &lt;s&gt; a &lt;s&gt; b, without &lt;s&gt; where the tokenizer has none.
    /// What is too long loses tokens at its end, the longer text first.
    /// </summary>
    /// <param name="maxLength">Tokens at most, special ones included.</param>
    /// <exception cref="InputException">An encoder's special tokens are missing, or leave no room within maxLength.</exception>
    public EncodedText EncodeForModel(ModelFamily family, string text, string? pair, int maxLength)
    {
        int[] bos = BosId is int b ? [b] : [], eos = EosId is int e ? [e] : [];
        if (family != ModelFamily.Llama && (bos.Length == 0 || eos.Length == 0))
            throw MissingSpecials(family);
        (int[] before, int[] between, int[] after) = family switch
        {
            ModelFamily.Roberta => (bos, pair is null ? [] : [.. eos, .. eos], eos),
            ModelFamily.Bert => (bos, pair is null ? [] : eos, eos),
            _ => (bos, pair is null ? [] : bos, Array.Empty<int>()),
        };
        int room = maxLength - before.Length - between.Length - after.Length;
        if (room < (pair is null ? 1 : 2))
            throw new InputException($"a length of {maxLength} tokens leaves no room for text beside {maxLength - room} special tokens");

        ReadOnlySpan<int> first = Encode(text), second = pair is null ? [] : Encode(pair);
        int secondLength = Math.Min(second.Length, Math.Max(room - first.Length, room / 2));
        int firstLength = Math.Min(first.Length, room - secondLength);
        int[] ids = [.. before, .. first[..firstLength], .. between, .. second[..secondLength], .. after];
        int[] types = new int[ids.Length];
        if (family == ModelFamily.Bert && pair is not null)
            types.AsSpan(ids.Length - secondLength - after.Length).Fill(1);
        return new EncodedText(ids, types);
    }

    /// <summary>Text of the ids; special tokens and ids outside the vocabulary are left out.</summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var known = new List<int>(ids.Length);
        foreach (int id in ids)
        {
            if (!IsSpecial(id) && _table.TokenOf(id) is not null)
                known.Add(id);
        }
        return _codec.Decode(known);
    }

    /// <summary>The token as the vocabulary spells it, or null.</summary>
    public string? TokenOf(int id) => _table.TokenOf(id);

    /// <summary>Checks that every id has an embedding row and that the special tokens the model needs are there.</summary>
    /// <exception cref="InputException">"tokenizer has 50265 entries, the model's vocabulary is 512 (config.json)".</exception>
    public void CheckFits(ModelSpec spec)
    {
        if (VocabularySize > spec.VocabularySize)
            throw InputException.InFile(_table.File, $"tokenizer has {VocabularySize} entries, the model's vocabulary is {spec.VocabularySize} (config.json)");
        if (!spec.IsDecoder && (BosId is null || EosId is null))
            throw MissingSpecials(spec.Family);
        if (spec.Head == ModelHead.MaskedLm && MaskId is null)
            throw InputException.InFile(_table.File, "tokenizer has no mask token, which masked LM needs");
    }

    private InputException MissingSpecials(ModelFamily family) =>
        InputException.InFile(_table.File, $"tokenizer has no {(family == ModelFamily.Bert ? "[CLS] or [SEP]" : "<s> or </s>")}, which the {family} family needs");

    private static string WellFormed(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
            return text;
        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
            clean.Append(rune.ToString());
        return clean.ToString();
    }
}
