using System.Text.Json;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>
/// Tokens that a folder adds to its vocabulary: "added_tokens" of tokenizer.json, "added_tokens_decoder" of tokenizer_config.json,
/// and added_tokens.json. Every one gets its id; those that are said not to be special are also cut out of text.
/// </summary>
internal static class AddedTokenFiles
{
    private const int MaxLength = 1024;

    /// <summary>Adds to the table; returns what is to be cut out of text.</summary>
    /// <exception cref="InputException">A malformed file, or an id that another token has.</exception>
    public static List<AddedToken> Read(string folder, TokenTable table, JsonFields? tokenizerJson = null)
    {
        var plain = new List<AddedToken>();
        if (tokenizerJson is not null && tokenizerJson.Has("added_tokens"))
        {
            foreach (JsonFields added in tokenizerJson.Objects("added_tokens"))
                Add(table, plain, added, added.Int("id", 0, int.MaxValue));
            return plain;
        }

        string config = Path.Combine(folder, "tokenizer_config.json"), names = Path.Combine(folder, "added_tokens.json");
        JsonFields? decoder = File.Exists(config) ? JsonFields.Read(config).Object("added_tokens_decoder") : null;
        foreach (string id in decoder?.Names ?? [])
        {
            if (!int.TryParse(id, System.Globalization.NumberStyles.None, null, out int number))
                throw decoder!.Error(id, "is no id");
            Add(table, plain, decoder!.Object(id) ?? throw decoder.Error(id, "is null"), number);
        }

        if (!File.Exists(names))
            return plain;
        JsonFields ids = JsonFields.Read(names);
        HashSet<string> special = decoder is null ? SpecialTokens.Additional(folder) : [];
        foreach (string token in ids.Names)
        {
            int id = ids.Int(token, 0, int.MaxValue);
            bool known = table.IdOf(token) == id;
            Add(table, token, id, what => ids.Error(token, what));
            // What the decoder already described is described there better.
            if (decoder is null && !known && !special.Contains(token))
                plain.Add(new AddedToken(id, token, Normalized: true, SingleWord: false, StripLeft: false, StripRight: false));
        }

        return plain;
    }

    private static void Add(TokenTable table, List<AddedToken> plain, JsonFields added, int id)
    {
        string content = added.String("content") ?? throw added.Error("content", "is missing");
        Add(table, content, id, what => added.Error("content", what));
        if (!added.Bool("special", true))
            plain.Add(new AddedToken(id, content, added.Bool("normalized", false), added.Bool("single_word", false), added.Bool("lstrip", false), added.Bool("rstrip", false)));
    }

    private static void Add(TokenTable table, string token, int id, Func<string, InputException> error)
    {
        if (token.Length is 0 or > MaxLength)
            throw error($"has {token.Length} characters, expected 1 to {MaxLength}");
        if (table.IdOf(token) == id)
            return;
        if (table.TokenOf(id) is { } other)
            throw error($"is {TokenTable.Quoted(token)} with id {id}, which {TokenTable.Quoted(other)} has");
        table.Add(token, id);
    }
}
