using System.Text.Encodings.Web;
using System.Text.Json;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// The tokenizer of a GGUF file as the files of a Hugging Face folder: tokenizer.model (SentencePiece) or tokenizer.json (byte-level
/// BPE), and tokenizer_config.json with the special tokens.
/// </summary>
internal static class GgufTokenizerFiles
{
    /// <exception cref="InputException">The file is malformed or its tokenizer is not supported.</exception>
    public static void Write(string path, AtomicFolder folder)
    {
        using var file = GgufFile.Open(path);
        var vocabulary = GgufVocabulary.Read(file.Metadata);
        int learned = vocabulary.Pieces.Count;
        if (vocabulary.Options is { } options)
        {
            var merges = file.Metadata.Strings(GgufVocabulary.Merges);
            WriteJson(folder, "tokenizer.json", json => WriteBytePairs(json, vocabulary, options, merges));
        }
        else
        {
            var model = GgufTokenizer.SentencePieceModel(file.Metadata, vocabulary);
            folder.Write("tokenizer.model", stream => stream.Write(SentencePieceWriter.Write(model, vocabulary.Specials)));
            learned = model.Pieces.Count;
        }

        WriteJson(folder, "tokenizer_config.json", json => WriteConfig(json, vocabulary, learned));
    }

    private static void WriteBytePairs(Utf8JsonWriter json, GgufVocabulary vocabulary, BytePairOptions options, IReadOnlyList<string> merges)
    {
        json.WriteString("version", "1.0");
        json.WriteStartArray("added_tokens");
        for (int id = 0; id < vocabulary.Pieces.Count; id++)
        {
            var piece = vocabulary.Pieces[id];
            if (piece.Kind is not (PieceKind.Control or PieceKind.UserDefined))
                continue;
            json.WriteStartObject();
            json.WriteNumber("id", id);
            WriteAdded(json, piece);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNull("normalizer");
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", options.Pattern);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        json.WriteStartObject();
        WriteByteLevel(json);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteNull("post_processor");
        json.WriteStartObject("decoder");
        WriteByteLevel(json);
        json.WriteEndObject();
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", options.IgnoreMerges);
        json.WriteStartObject("vocab");
        for (int id = 0; id < vocabulary.Pieces.Count; id++)
        {
            if (vocabulary.Pieces[id].Kind != PieceKind.Unused)
                json.WriteNumber(vocabulary.Pieces[id].Text, id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (string merge in merges)
            json.WriteStringValue(merge);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteAdded(Utf8JsonWriter json, Piece piece)
    {
        json.WriteString("content", piece.Text);
        foreach (string flag in (string[])["single_word", "lstrip", "rstrip", "normalized"])
            json.WriteBoolean(flag, false);
        json.WriteBoolean("special", piece.Kind == PieceKind.Control);
    }

    private static void WriteByteLevel(Utf8JsonWriter json)
    {
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", false); // the Split before has done it
    }

    /// <summary>null is written out: left away, the usual names would be looked for.</summary>
    /// <param name="learned">Tokens from here on are in no other file.</param>
    private static void WriteConfig(Utf8JsonWriter json, GgufVocabulary vocabulary, int learned)
    {
        var specials = vocabulary.Specials;
        json.WriteString("tokenizer_class", vocabulary.Options is null ? "LlamaTokenizer" : "PreTrainedTokenizerFast");
        json.WriteBoolean("add_bos_token", specials.Bos is not null);
        json.WriteBoolean("add_eos_token", false);
        foreach (var (name, id) in ((string, int?)[])
            [("bos_token", specials.Bos), ("eos_token", specials.Eos), ("unk_token", specials.Unk), ("pad_token", specials.Pad), ("mask_token", specials.Mask)])
        {
            if (id is null)
                json.WriteNull(name);
            else
                json.WriteString(name, vocabulary.Pieces[id.Value].Text);
        }

        if (learned == vocabulary.Pieces.Count)
            return;
        json.WriteStartObject("added_tokens_decoder");
        for (int id = learned; id < vocabulary.Pieces.Count; id++)
        {
            json.WriteStartObject($"{id}");
            WriteAdded(json, vocabulary.Pieces[id]);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteJson(AtomicFolder folder, string name, Action<Utf8JsonWriter> write) => folder.Write(name, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    });
}
