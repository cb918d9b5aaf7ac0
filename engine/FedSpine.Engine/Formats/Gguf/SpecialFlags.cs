namespace FedSpine.Engine.Formats.Gguf;

/// <summary>Which added tokens of a Hugging Face folder are special: stand for no text.</summary>
internal static class SpecialFlags
{
    /// <summary>Ids from "added_tokens" of tokenizer.json, or from "added_tokens_decoder" of tokenizer_config.json.</summary>
    public static IReadOnlySet<int> Read(string folder)
    {
        var special = new HashSet<int>();
        string tokenizer = Path.Combine(folder, "tokenizer.json"), config = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(tokenizer) && JsonFields.Read(tokenizer) is var root && root.Has("added_tokens"))
            special.UnionWith(root.Objects("added_tokens").Where(t => t.Bool("special", true)).Select(t => t.Int("id", 0, int.MaxValue)));
        if (File.Exists(config) && JsonFields.Read(config).Object("added_tokens_decoder") is { } tokens)
            special.UnionWith(tokens.Names.Where(id => int.TryParse(id, out _) && (tokens.Object(id)?.Bool("special", true) ?? false)).Select(int.Parse));
        return special;
    }
}
