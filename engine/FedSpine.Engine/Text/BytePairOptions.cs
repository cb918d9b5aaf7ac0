using System.Text.Json;
using System.Text.RegularExpressions;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>How byte-level BPE cuts text into words.</summary>
/// <param name="Words">Matches every word; merges never cross words.</param>
/// <param name="AddPrefixSpace">Text that does not start with white space gets a blank in front.</param>
/// <param name="IgnoreMerges">A word that is a token is taken whole (LLaMA 3).</param>
internal sealed partial record BytePairOptions(Regex Words, bool AddPrefixSpace, bool IgnoreMerges)
{
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Llama3Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Qwen2Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static BytePairOptions Gpt2 { get; } = new(Gpt2Words(), AddPrefixSpace: false, IgnoreMerges: false);

    public static BytePairOptions Llama3 { get; } = new(Llama3Words(), AddPrefixSpace: false, IgnoreMerges: true);

    public static BytePairOptions Qwen2 { get; } = new(Qwen2Words(), AddPrefixSpace: false, IgnoreMerges: false);

    /// <summary>The pattern as tokenizer.json spells it.</summary>
    public string Pattern => Words.ToString();

    /// <summary>From the "pre_tokenizer" and "model" of a tokenizer.json.</summary>
    /// <exception cref="InputException">The pre-tokenizer is not byte-level, or splits by a pattern that is not known.</exception>
    public static BytePairOptions FromJson(JsonFields root, JsonFields model)
    {
        JsonFields splitter = root.Object("pre_tokenizer") ?? throw root.Error("pre_tokenizer", "is missing: not a byte-level BPE tokenizer");
        IReadOnlyList<JsonFields> steps = splitter.String("type") == "Sequence" ? splitter.Objects("pretokenizers") : [splitter];
        Regex words = Gpt2Words();
        RefuseNormalizer(root);
        bool byteLevel = false, prefixSpace = false, split = false;
        foreach (JsonFields step in steps)
        {
            switch (step.String("type"))
            {
                case "ByteLevel":
                    byteLevel = true;
                    prefixSpace = step.Bool("add_prefix_space", false);
                    if (step.Bool("use_regex", true) == split)
                        throw step.Error("use_regex", split ? "is true after a Split: words cut twice are not supported" : "is false without a Split: text that is not cut into words is not supported");
                    break;
                case "Split":
                    words = Known(step);
                    split = true;
                    break;
                case var type:
                    throw step.Error("type", $"is {type ?? "missing"}: not a byte-level BPE tokenizer");
            }
        }
        if (!byteLevel)
            throw root.Error("pre_tokenizer", "has no ByteLevel step: not a byte-level BPE tokenizer");
        return new BytePairOptions(words, prefixSpace, model.Bool("ignore_merges", false));
    }

    /// <summary>Composition (NFC, Qwen2) changes nothing in text that is composed already, as nearly all is, and is not applied.</summary>
    private static void RefuseNormalizer(JsonFields root)
    {
        if (root.Object("normalizer") is not { } normalizer)
            return;
        IReadOnlyList<JsonFields> steps = normalizer.String("type") == "Sequence" ? normalizer.Objects("normalizers") : [normalizer];
        foreach (JsonFields step in steps.Where(s => s.String("type") != "NFC"))
            throw step.Error("type", $"is {step.String("type") ?? "missing"}: this normalizer is not supported for byte-level BPE");
    }

    private static Regex Known(JsonFields split)
    {
        JsonFields pattern = split.Object("pattern") ?? throw split.Error("pattern", "is missing");
        return pattern.String("Regex") switch
        {
            Gpt2Pattern => Gpt2Words(),
            Llama3Pattern => Llama3Words(),
            Qwen2Pattern => Qwen2Words(),
            var other => throw pattern.Error("Regex", $"is {other ?? "missing"}; known are those of GPT-2, LLaMA 3 and Qwen2"),
        };
    }

    [GeneratedRegex(Gpt2Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Gpt2Words();

    [GeneratedRegex(Llama3Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Llama3Words();

    [GeneratedRegex(Qwen2Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Qwen2Words();
}
