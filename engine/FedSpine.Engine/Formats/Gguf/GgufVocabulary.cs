using FedSpine.Engine.Text;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>The tokenizer metadata of a GGUF file: tokens in id order with score and kind, how text is cut, and the special ids.</summary>
internal sealed record GgufVocabulary
{
    public const string Prefix = "tokenizer.";

    private const string Ggml = Prefix + "ggml.";

    public const string Model = Ggml + "model", Pre = Ggml + "pre", Tokens = Ggml + "tokens", Scores = Ggml + "scores", Kinds = Ggml + "token_type",
        Merges = Ggml + "merges", Bos = Ggml + "bos_token_id", Eos = Ggml + "eos_token_id", Unk = Ggml + "unknown_token_id", Pad = Ggml + "padding_token_id",
        Mask = Ggml + "mask_token_id", AddBos = Ggml + "add_bos_token", AddEos = Ggml + "add_eos_token", AddSpacePrefix = Ggml + "add_space_prefix",
        RemoveExtraBlanks = Ggml + "remove_extra_whitespaces";

    /// <summary>Values of <see cref="Model"/>.</summary>
    public const string SentencePieceModel = "llama", BytePairModel = "gpt2";

    /// <summary>Score of a token that was added to a SentencePiece model.</summary>
    public const float AddedScore = -1000;

    /// <summary>By id; embedding rows without a token at the end are left out.</summary>
    public required IReadOnlyList<Piece> Pieces { get; init; }

    /// <summary>Of byte-level BPE; null of SentencePiece.</summary>
    public BytePairOptions? Options { get; init; }

    public required SpecialTokens Specials { get; init; }

    /// <summary>Text of an embedding row without a token.</summary>
    public static string Padding(int id) => $"[PAD{id}]";

    /// <exception cref="InputException">A key is missing or malformed, or the tokenizer is of another kind.</exception>
    public static GgufVocabulary Read(GgufMetadata metadata)
    {
        string? model = metadata.String(Model);
        if (model is not (SentencePieceModel or BytePairModel))
            throw metadata.Error(Model, model is null ? "is missing: the file has no tokenizer" : $"is \"{model}\", supported are {SentencePieceModel} (SentencePiece BPE) and {BytePairModel} (byte-level BPE)");
        bool bytePair = model == BytePairModel;
        var pieces = ReadPieces(metadata, bytePair);
        var options = bytePair ? GgufPreTokenizer.Named(metadata) : null;
        int? Id(string key, int? fallback = null) => metadata.OptionalInt(key, 0, pieces.Count - 1) ?? (fallback < pieces.Count ? fallback : null);
        bool addBos = metadata.Bool(AddBos, !bytePair || options == BytePairOptions.Llama3);
        var specials = new SpecialTokens(
            Bos: addBos ? Id(Bos, bytePair ? null : 1) : null,
            Eos: Id(Eos, bytePair ? null : 2),
            Pad: Id(Pad),
            Mask: Id(Mask),
            Unk: Id(Unk, bytePair ? null : 0));
        return new GgufVocabulary { Pieces = pieces, Options = options, Specials = specials };
    }

    private static List<Piece> ReadPieces(GgufMetadata metadata, bool bytePair)
    {
        string[] tokens = [.. metadata.Strings(Tokens)];
        if (tokens.Length == 0)
            throw metadata.Error(Tokens, "is empty");
        if (Array.IndexOf(tokens, "") is >= 0 and var empty)
            throw metadata.Error($"{Tokens}[{empty}]", "is empty");
        float[] scores = bytePair ? new float[tokens.Length] : metadata.Floats(Scores, tokens.Length);
        int[] kinds = metadata.Has(Kinds) || !bytePair ? metadata.Ints(Kinds, tokens.Length, (int)PieceKind.Normal, (int)PieceKind.Byte, broadcast: false) : [.. tokens.Select(_ => (int)PieceKind.Normal)];
        int count = tokens.Length;
        while (count > 1 && kinds[count - 1] == (int)PieceKind.Unused && tokens[count - 1] == Padding(count - 1))
            count--;
        return [.. Enumerable.Range(0, count).Select(i => new Piece(tokens[i], scores[i], (PieceKind)kinds[i]))];
    }
}
