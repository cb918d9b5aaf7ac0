using System.Text;

namespace FedSpine.Engine.Text;

/// <summary>As in sentencepiece_model.proto; the values are those of the file.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,

    /// <summary>Stands for no text: &lt;s&gt;.</summary>
    Control = 3,

    /// <summary>Always taken whole.</summary>
    UserDefined = 4,

    /// <summary>Only a step on the way to larger pieces; never an id of its own.</summary>
    Unused = 5,

    /// <summary>"&lt;0x41&gt;": one byte of a character without a piece.</summary>
    Byte = 6,
}

/// <param name="Score">Larger merges first.</param>
internal readonly record struct Piece(string Text, float Score, PieceKind Kind);

/// <summary>A SentencePiece model of the BPE kind: pieces in id order, and how text is prepared for them.</summary>
internal sealed record SentencePieceModel
{
    public required IReadOnlyList<Piece> Pieces { get; init; }

    /// <summary>
    /// Rank of every pair of pieces that may be merged, by left id * 2^32 + right id, best first, where the file lists them
    /// (tokenizer.json); null: any two whose text is a piece merge, by its score (tokenizer.model).
    /// </summary>
    public IReadOnlyDictionary<long, int>? Merges { get; init; }

    /// <summary>Characters without a piece are spelled in bytes, instead of becoming the unknown piece.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Text gets a blank in front, so that its first word is like the others.</summary>
    public bool AddDummyPrefix { get; init; } = true;

    /// <summary>Blanks at both ends go, runs of them become one.</summary>
    public bool RemoveExtraBlanks { get; init; } = true;

    public string BosPiece { get; init; } = "<s>";

    public string EosPiece { get; init; } = "</s>";

    private const int Bpe = 2, Unigram = 1, MaxFileBytes = 256 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads sentencepiece_model.proto's ModelProto.</summary>
    /// <exception cref="InputException">Missing, malformed, of another kind than BPE, or prepared in ways that are not supported.</exception>
    public static SentencePieceModel Read(string file)
    {
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > MaxFileBytes } info)
                throw InputException.InFile(file, $"{info.Length} bytes, the limit is {MaxFileBytes}");
            return Parse(File.ReadAllBytes(file));
        }
        catch (Exception e) when (e is InvalidDataException or DecoderFallbackException)
        {
            string reason = e is DecoderFallbackException ? "a text in it is not UTF-8" : e.Message;
            throw InputException.InFile(file, $"not a SentencePiece BPE model: {reason}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw InputException.InFile(file, e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : "cannot be read", e);
        }
    }

    private static SentencePieceModel Parse(ReadOnlySpan<byte> bytes)
    {
        var pieces = new List<Piece>();
        var model = new SentencePieceModel { Pieces = pieces };
        bool hasTrainer = false;
        var fields = new ProtobufReader(bytes);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1:
                    pieces.Add(ParsePiece(fields.Bytes, pieces.Count));
                    break;
                case 2:
                    model = ParseTrainer(fields.Bytes, model);
                    hasTrainer = true;
                    break;
                case 3:
                    model = ParseNormalizer(fields.Bytes, model);
                    break;
            }
        }

        if (!hasTrainer || pieces.Count == 0)
            throw new InvalidDataException(pieces.Count == 0 ? "it has no pieces" : "it does not say which kind it is");
        return model;
    }

    private static Piece ParsePiece(ReadOnlySpan<byte> bytes, int id)
    {
        var piece = new Piece("", 0, PieceKind.Normal);
        var fields = new ProtobufReader(bytes);
        while (fields.Next())
        {
            piece = fields.Field switch
            {
                1 => piece with { Text = StrictUtf8.GetString(fields.Bytes) },
                2 => piece with { Score = fields.Float },
                3 => piece with { Kind = fields.Number is >= 1 and <= 6 ? (PieceKind)fields.Number : throw new InvalidDataException($"piece {id} has type {fields.Number}") },
                _ => piece,
            };
        }

        if (piece.Text.Length == 0)
            throw new InvalidDataException($"piece {id} is empty");
        return float.IsFinite(piece.Score) ? piece : throw new InvalidDataException($"piece {id} has score {piece.Score}");
    }

    private static SentencePieceModel ParseTrainer(ReadOnlySpan<byte> bytes, SentencePieceModel model)
    {
        ulong kind = Unigram; // what a file that does not say means
        var fields = new ProtobufReader(bytes);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 3:
                    kind = fields.Number;
                    break;
                case 24 when fields.Number != 0:
                    throw new InvalidDataException("treat_whitespace_as_suffix is not supported");
                case 35:
                    model = model with { ByteFallback = fields.Number != 0 };
                    break;
                case 46:
                    model = model with { BosPiece = StrictUtf8.GetString(fields.Bytes) };
                    break;
                case 47:
                    model = model with { EosPiece = StrictUtf8.GetString(fields.Bytes) };
                    break;
            }
        }

        return kind == Bpe ? model : throw new InvalidDataException($"its kind is {kind switch { 1 => "unigram", 3 => "word", 4 => "char", _ => $"{kind}" }}");
    }

    private static SentencePieceModel ParseNormalizer(ReadOnlySpan<byte> bytes, SentencePieceModel model)
    {
        string name = "";
        bool mapped = false;
        var fields = new ProtobufReader(bytes);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1:
                    name = StrictUtf8.GetString(fields.Bytes);
                    break;
                case 2:
                    mapped = fields.Bytes.Length > 0;
                    break;
                case 3:
                    model = model with { AddDummyPrefix = fields.Number != 0 };
                    break;
                case 4:
                    model = model with { RemoveExtraBlanks = fields.Number != 0 };
                    break;
                case 5 when fields.Number == 0:
                    throw new InvalidDataException("escape_whitespaces turned off is not supported");
            }
        }

        return mapped ? throw new InvalidDataException($"the normalizer \"{name.ReplaceLineEndings(" ")}\" is not supported, only identity is") : model;
    }
}
