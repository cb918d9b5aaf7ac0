using System.Text.Json;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>Finds and reads the tokenizer in a Hugging Face folder.</summary>
internal static class TokenizerFolder
{
    /// <exception cref="InputException">No supported tokenizer, or a malformed file.</exception>
    public static (ITextCodec Codec, TokenTable Table, SpecialTokens Specials) Read(string folder)
    {
        if (!Directory.Exists(folder))
            throw InputException.InFile(folder, "no such folder");
        string Path(string name) => System.IO.Path.Combine(folder, name);
        bool Has(string name) => File.Exists(Path(name));

        if (Has("tokenizer.model"))
        {
            SentencePiece pieces = SentencePiece.Read(Path("tokenizer.model"));
            var added = AddedTokenFiles.Read(folder, pieces.Table);
            SpecialTokens specials = pieces.Specials(SpecialTokens.Resolve(folder, pieces.Table));
            return (With(pieces, added, specials), pieces.Table, specials);
        }
        if (Has("tokenizer.json"))
            return ReadJson(folder, Path("tokenizer.json"));
        if (Has("vocab.json") && Has("merges.txt"))
        {
            TokenTable table = TokenTable.FromJson(Path("vocab.json"), JsonFields.Read(Path("vocab.json")).Root);
            var added = AddedTokenFiles.Read(folder, table);
            bool prefixSpace = Has("tokenizer_config.json") && JsonFields.Read(Path("tokenizer_config.json")).Bool("add_prefix_space", false);
            var codec = new ByteLevelBpe(table, MergeLines(Path("merges.txt")), BytePairOptions.Gpt2 with { AddPrefixSpace = prefixSpace }, Path("merges.txt"));
            SpecialTokens specials = SpecialTokens.Resolve(folder, table);
            return (With(codec, added, specials), table, specials);
        }
        if (Has("vocab.txt"))
        {
            TokenTable table = TokenTable.FromLines(Path("vocab.txt"));
            var added = AddedTokenFiles.Read(folder, table);
            SpecialTokens specials = SpecialTokens.Resolve(folder, table);
            BertNormalizer normalizer = Normalizer(folder);
            return (With(new WordPiece(table, normalizer, unknown: "[UNK]", prefix: "##"), added, specials, normalizer.Normalize), table, specials);
        }
        throw InputException.InFile(folder, "no tokenizer (looked for tokenizer.model, tokenizer.json, vocab.json with merges.txt, vocab.txt)");
    }

    private static (ITextCodec, TokenTable, SpecialTokens) ReadJson(string folder, string file)
    {
        JsonFields root = JsonFields.Read(file);
        JsonFields model = root.Object("model") ?? throw root.Error("model", "is missing");
        string type = model.String("type") ?? (model.Has("merges") ? "BPE" : "WordPiece"); // old files do not say
        TokenTable table = TokenTable.FromJson(file, model.Require("vocab"));
        var added = AddedTokenFiles.Read(folder, table, root);
        SpecialTokens specials = SpecialTokens.Resolve(folder, table);
        switch (type)
        {
            case "BPE" when SentencePieceJson.Is(root, model):
                HashSet<int> silent = [.. root.Has("added_tokens") ? root.Objects("added_tokens").Select(token => token.Int("id", 0, int.MaxValue)) : []];
                silent.ExceptWith(added.Select(token => token.Id));
                silent.UnionWith(Enumerable.Range(0, table.Size).Where(specials.Contains));
                SentencePiece pieces = SentencePieceJson.Read(file, root, model, table, Merges(model), silent);
                return (With(pieces, added, specials), table, specials);
            case "BPE":
                return (With(new ByteLevelBpe(table, Merges(model), BytePairOptions.FromJson(root, model), file), added, specials), table, specials);
            case "WordPiece":
                BertNormalizer normalizer = Normalizer(folder, root.Object("normalizer"));
                var codec = new WordPiece(table, normalizer, model.String("unk_token") ?? "[UNK]", model.String("continuing_subword_prefix") ?? "##");
                return (With(codec, added, specials, normalizer.Normalize), table, specials);
            default:
                throw model.Error("type", $"is {type}, supported are BPE and WordPiece");
        }
    }

    private static ITextCodec With(ITextCodec codec, List<AddedToken> added, SpecialTokens specials, Func<string, string>? normalize = null)
    {
        added.RemoveAll(token => specials.Contains(token.Id));
        return added.Count == 0 ? codec : new AddedTokens(codec, added, normalize);
    }

    /// <summary>"left right" each; newer files write pairs.</summary>
    private static string[] Merges(JsonFields model)
    {
        JsonElement merges = model.Require("merges");
        if (merges.ValueKind == JsonValueKind.Array && merges.GetArrayLength() > 0 && merges[0].ValueKind == JsonValueKind.String)
            return model.Strings("merges");
        if (merges.ValueKind != JsonValueKind.Array)
            throw model.Error("merges", $"is {JsonFields.Short(merges)}, expected an array");
        return [.. merges.EnumerateArray().Select((pair, i) =>
        {
            if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2 || pair.EnumerateArray().Any(part => part.ValueKind != JsonValueKind.String))
                throw model.Error($"merges[{i}]", $"is {JsonFields.Short(pair)}, expected a pair of tokens");
            return $"{pair[0].GetString()} {pair[1].GetString()}";
        })];
    }

    private static string[] MergeLines(string file)
    {
        string[] lines = TextFile.ReadUtf8(file).Split('\n');
        return [.. lines.Select(line => line.TrimEnd('\r')).Where((line, i) => line.Length > 0 && !(i == 0 && line.StartsWith("#version", StringComparison.Ordinal)))];
    }

    private static BertNormalizer Normalizer(string folder, JsonFields? normalizer = null)
    {
        string config = Path.Combine(folder, "tokenizer_config.json");
        JsonFields? fields = File.Exists(config) ? JsonFields.Read(config) : null;
        bool lowerCase = normalizer?.Bool("lowercase", true) ?? fields?.Bool("do_lower_case", true) ?? true;
        JsonFields? source = normalizer ?? fields;
        return new BertNormalizer(
            lowerCase,
            stripAccents: source?.Bool("strip_accents", lowerCase) ?? lowerCase,
            cleanText: normalizer?.Bool("clean_text", true) ?? true,
            splitIdeographs: normalizer?.Bool("handle_chinese_chars", true) ?? fields?.Bool("tokenize_chinese_chars", true) ?? true);
    }
}
