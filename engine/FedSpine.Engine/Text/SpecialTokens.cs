using System.Text.Json;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>Ids of the tokens that no text contains; null where the tokenizer has none.</summary>
/// <param name="Bos">First token of a sequence: &lt;s&gt;, [CLS].</param>
/// <param name="Eos">Last token of a sequence: &lt;/s&gt;, [SEP].</param>
internal sealed record SpecialTokens(int? Bos, int? Eos, int? Pad, int? Mask, int? Unk)
{
    /// <summary>
    /// From special_tokens_map.json and tokenizer_config.json where they are, otherwise by the families' usual names. A name that
    /// the table lacks counts as absent; an explicit null (Qwen2's bos_token) is respected.
    /// </summary>
    public static SpecialTokens Resolve(string folder, TokenTable table)
    {
        JsonFields[] configs = [.. new[] { "special_tokens_map.json", "tokenizer_config.json" }
            .Select(name => Path.Combine(folder, name)).Where(File.Exists).Select(JsonFields.Read)];

        int? Find(string[] fields, params string[] usualNames)
        {
            foreach (JsonFields config in configs)
            {
                foreach (string field in fields)
                {
                    if (config.TryGet(field, out JsonElement value) && table.IdOf(Content(config, field, value)) is int id)
                        return id;
                }
            }
            bool denied = configs.Any(config => config.Names.Contains(fields[^1]) && !config.Has(fields[^1]));
            return denied ? null : usualNames.Select(table.IdOf).FirstOrDefault(id => id is not null);
        }

        return new SpecialTokens(
            Bos: Find(["cls_token", "bos_token"], "<s>", "[CLS]", "<|begin_of_text|>", "<|endoftext|>"),
            Eos: Find(["sep_token", "eos_token"], "</s>", "[SEP]", "<|end_of_text|>", "<|endoftext|>"),
            Pad: Find(["pad_token"], "<pad>", "[PAD]"),
            Mask: Find(["mask_token"], "<mask>", "[MASK]"),
            Unk: Find(["unk_token"], "<unk>", "[UNK]"));
    }

    /// <summary>Whatever special_tokens_map.json and tokenizer_config.json call special, the additional ones included.</summary>
    public static HashSet<string> Additional(string folder)
    {
        var special = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonFields config in new[] { "special_tokens_map.json", "tokenizer_config.json" }.Select(name => Path.Combine(folder, name)).Where(File.Exists).Select(JsonFields.Read))
        {
            foreach (string field in config.Names.Where(n => n.EndsWith("_token", StringComparison.Ordinal) && config.TryGet(n, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Object))
                special.Add(Content(config, field, config.Require(field)));
            if (config.TryGet("additional_special_tokens", out var more) && more.ValueKind == JsonValueKind.Array)
                special.UnionWith(more.EnumerateArray().Select(token => Content(config, "additional_special_tokens", token)));
        }

        return special;
    }

    public bool Contains(int id) => id == Bos || id == Eos || id == Pad || id == Mask || id == Unk;

    private static string Content(JsonFields config, string field, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content))
            value = content;
        return value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw config.Error(field, $"is {JsonFields.Short(value)}, expected a token");
    }
}
