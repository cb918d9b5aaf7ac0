using FedSpine.Engine.Models;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>Tokenizers between Hugging Face folders and the metadata of GGUF files.</summary>
internal static class GgufTokenizer
{
    /// <summary>The tokenizer of a GGUF file.</summary>
    /// <exception cref="InputException">The file is malformed or its tokenizer is not supported.</exception>
    public static (ITextCodec Codec, TokenTable Table, SpecialTokens Specials) Read(string path)
    {
        using var file = GgufFile.Open(path);
        var vocabulary = GgufVocabulary.Read(file.Metadata);
        if (vocabulary.Options is null)
        {
            var pieces = new SentencePiece(SentencePieceModel(file.Metadata, vocabulary), path);
            int learned = CountWithoutAdded(vocabulary);
            for (int id = learned; id < vocabulary.Pieces.Count; id++)
                pieces.Table.Add(vocabulary.Pieces[id].Text, id);
            return (With(pieces, vocabulary, learned), pieces.Table, vocabulary.Specials);
        }

        var table = new TokenTable(path);
        for (int id = 0; id < vocabulary.Pieces.Count; id++)
        {
            if (vocabulary.Pieces[id].Kind != PieceKind.Unused)
                table.Add(vocabulary.Pieces[id].Text, id);
        }

        var codec = new ByteLevelBpe(table, file.Metadata.Strings(GgufVocabulary.Merges), vocabulary.Options, path);
        return (With(codec, vocabulary, 0), table, vocabulary.Specials);
    }

    /// <param name="from">The first id that the codec does not know how to find in text by itself.</param>
    private static ITextCodec With(ITextCodec codec, GgufVocabulary vocabulary, int from)
    {
        AddedToken[] added = [.. Enumerable.Range(from, vocabulary.Pieces.Count - from).Where(id => vocabulary.Pieces[id].Kind == PieceKind.UserDefined && !vocabulary.Specials.Contains(id))
            .Select(id => new AddedToken(id, vocabulary.Pieces[id].Text, Normalized: false, SingleWord: false, StripLeft: false, StripRight: false))];
        return added.Length == 0 ? codec : new AddedTokens(codec, added, normalize: null);
    }

    /// <summary>The pieces without the tokens that were added to them.</summary>
    public static SentencePieceModel SentencePieceModel(GgufMetadata metadata, GgufVocabulary vocabulary) => new()
    {
        Pieces = [.. vocabulary.Pieces.Take(CountWithoutAdded(vocabulary))],
        ByteFallback = vocabulary.Pieces.Any(p => p.Kind == PieceKind.Byte),
        AddDummyPrefix = metadata.Bool(GgufVocabulary.AddSpacePrefix, true),
        RemoveExtraBlanks = false,
        BosPiece = vocabulary.Specials.Bos is int bos ? vocabulary.Pieces[bos].Text : "<s>",
        EosPiece = vocabulary.Specials.Eos is int eos ? vocabulary.Pieces[eos].Text : "</s>",
    };

    private static int CountWithoutAdded(GgufVocabulary vocabulary)
    {
        int count = vocabulary.Pieces.Count;
        while (count > 0 && vocabulary.Pieces[count - 1] is { Score: GgufVocabulary.AddedScore, Kind: PieceKind.UserDefined or PieceKind.Control })
            count--;
        return count;
    }

    /// <summary>Adds the tokenizer's keys, one token for every row of the model's word table.</summary>
    /// <param name="from">A Hugging Face folder or a GGUF file.</param>
    /// <exception cref="InputException">No tokenizer, one that does not fit the model, or one that llama.cpp would apply differently.</exception>
    public static void Describe(GgufMetadata metadata, ModelSpec spec, string from)
    {
        if (GgufFile.Is(from))
        {
            Copy(metadata, spec, from);
            return;
        }

        var (codec, table, specials) = TokenizerFolder.Read(from);
        if (table.Size > spec.VocabularySize)
            throw InputException.InFile(table.File, $"tokenizer has {table.Size} entries, the model's vocabulary is {spec.VocabularySize}");
        var kinds = Kinds(from, table, codec, specials);
        Piece PieceOf(int id, PieceKind otherwise, float score) => table.TokenOf(id) is { } text
            ? new Piece(text, score, kinds.GetValueOrDefault(id, otherwise))
            : new Piece(GgufVocabulary.Padding(id), score, PieceKind.Unused);

        if (codec is AddedTokens added)
            codec = added.Codec;
        if (codec is SentencePiece)
        {
            var model = Text.SentencePieceModel.Read(table.File);
            if (model.RemoveExtraBlanks)
                throw InputException.InFile(table.File, "drops extra blanks (remove_extra_whitespaces), which llama.cpp would not do");
            int learned = model.Pieces.Count;
            metadata.Add(GgufVocabulary.Model, GgufValue.Of(GgufVocabulary.SentencePieceModel));
            metadata.Add(GgufVocabulary.Pre, GgufValue.Of("default"));
            var pieces = model.Pieces.Select((piece, id) => piece.Kind == PieceKind.Normal && kinds.GetValueOrDefault(id) == PieceKind.UserDefined ? piece with { Kind = PieceKind.UserDefined } : piece);
            AddPieces(metadata, [.. pieces, .. Enumerable.Range(learned, spec.VocabularySize - learned).Select(id => PieceOf(id, PieceKind.UserDefined, GgufVocabulary.AddedScore))]);
            metadata.Add(GgufVocabulary.AddSpacePrefix, GgufValue.Of(model.AddDummyPrefix));
        }
        else if (codec is ByteLevelBpe bpe)
        {
            metadata.Add(GgufVocabulary.Model, GgufValue.Of(GgufVocabulary.BytePairModel));
            metadata.Add(GgufVocabulary.Pre, GgufValue.Of(GgufPreTokenizer.NameOf(bpe.Options, table.File)));
            AddPieces(metadata, [.. Enumerable.Range(0, spec.VocabularySize).Select(id => PieceOf(id, PieceKind.Normal, 0))]);
            metadata.Add(GgufVocabulary.Merges, GgufValue.Of([.. bpe.Merges]));
        }
        else
        {
            throw InputException.InFile(table.File, "is a WordPiece tokenizer, which decoders in GGUF files do not have");
        }

        AddSpecials(metadata, specials);
    }

    /// <summary>What is not plain vocabulary: special tokens, and added ones that are found in text.</summary>
    private static Dictionary<int, PieceKind> Kinds(string from, TokenTable table, ITextCodec codec, SpecialTokens specials)
    {
        var kinds = new Dictionary<int, PieceKind>();
        foreach (var token in (codec as AddedTokens)?.Tokens ?? [])
        {
            if (token.SingleWord || token.StripLeft || token.StripRight)
                throw InputException.InFile(table.File, $"added token {TokenTable.Quoted(token.Content)} has single_word, lstrip or rstrip, which GGUF cannot say");
            kinds[token.Id] = PieceKind.UserDefined;
        }

        foreach (int id in SpecialFlags.Read(from).Concat(Enumerable.Range(0, table.Size).Where(specials.Contains)))
            kinds[id] = PieceKind.Control;
        return kinds;
    }

    private static void AddPieces(GgufMetadata metadata, IReadOnlyList<Piece> pieces)
    {
        metadata.Add(GgufVocabulary.Tokens, GgufValue.Of([.. pieces.Select(p => p.Text)]));
        metadata.Add(GgufVocabulary.Scores, GgufValue.Of([.. pieces.Select(p => p.Score)]));
        metadata.Add(GgufVocabulary.Kinds, GgufValue.Of([.. pieces.Select(p => (int)p.Kind)]));
    }

    private static void AddSpecials(GgufMetadata metadata, SpecialTokens specials)
    {
        foreach (var (key, id) in ((string, int?)[])
            [(GgufVocabulary.Bos, specials.Bos), (GgufVocabulary.Eos, specials.Eos), (GgufVocabulary.Unk, specials.Unk), (GgufVocabulary.Pad, specials.Pad), (GgufVocabulary.Mask, specials.Mask)])
        {
            if (id is not null)
                metadata.Add(key, GgufValue.Of((uint)id));
        }

        metadata.Add(GgufVocabulary.AddBos, GgufValue.Of(specials.Bos is not null));
        metadata.Add(GgufVocabulary.AddEos, GgufValue.Of(false));
    }

    private static void Copy(GgufMetadata metadata, ModelSpec spec, string from)
    {
        using var file = GgufFile.Open(from);
        int count = file.Metadata.Strings(GgufVocabulary.Tokens).Count;
        if (count != spec.VocabularySize)
            throw file.Metadata.Error(GgufVocabulary.Tokens, $"has {count} entries, the model's vocabulary is {spec.VocabularySize}");
        foreach (var (key, value) in file.Metadata.Values.Where(v => v.Key.StartsWith(GgufVocabulary.Prefix, StringComparison.Ordinal)))
            metadata.Add(key, value);
    }
}
