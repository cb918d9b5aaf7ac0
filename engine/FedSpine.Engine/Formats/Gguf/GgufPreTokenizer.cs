using FedSpine.Engine.Text;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>llama.cpp's names for the ways in which byte-level BPE cuts text into words (tokenizer.ggml.pre).</summary>
internal static class GgufPreTokenizer
{
    /// <summary>The first name of a way is the one that is written.</summary>
    private static readonly (string Name, BytePairOptions Options)[] Known =
    [
        ("gpt-2", BytePairOptions.Gpt2),
        ("llama-bpe", BytePairOptions.Llama3),
        ("llama3", BytePairOptions.Llama3),
        ("llama-v3", BytePairOptions.Llama3),
        ("smaug-bpe", BytePairOptions.Llama3 with { IgnoreMerges = false }),
        ("dbrx", BytePairOptions.Llama3 with { IgnoreMerges = false }),
        ("qwen2", BytePairOptions.Qwen2),
        ("deepseek-r1-qwen", BytePairOptions.Qwen2),
    ];

    /// <param name="from">Where the tokenizer is from, for messages.</param>
    /// <exception cref="InputException">llama.cpp would cut text differently.</exception>
    public static string NameOf(BytePairOptions options, string from) =>
        Known.FirstOrDefault(k => k.Options.Pattern == options.Pattern && k.Options with { Words = options.Words } == options).Name
        ?? throw InputException.InFile(from, $"GGUF has no name for byte-level BPE {(options.AddPrefixSpace ? "with a blank in front of the text (add_prefix_space)" : "that takes whole words first (ignore_merges) with this pattern")}");

    /// <exception cref="InputException">The name is missing or not known.</exception>
    public static BytePairOptions Named(GgufMetadata metadata)
    {
        string? name = metadata.String(GgufVocabulary.Pre);
        return Known.FirstOrDefault(k => k.Name == name).Options
            ?? throw metadata.Error(GgufVocabulary.Pre, $"{(name is null ? "is missing" : $"is \"{name}\"")}; supported are {string.Join(", ", Known.Select(k => k.Name))}");
    }
}
