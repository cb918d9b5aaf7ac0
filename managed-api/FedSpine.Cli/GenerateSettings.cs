using FedSpine.Engine.Generation;
using static FedSpine.Cli.OptionKinds;

namespace FedSpine.Cli;

/// <summary>The options of <c>generate</c> that make up <see cref="GenerationOptions"/>.</summary>
internal static class GenerateSettings
{
    private const string Sampling = "Sampling";

    private static readonly GenerationOptions Defaults = new();

    /// <summary>New instances: an option belongs to one command.</summary>
    public static Setting<GenerationOptions>[] Create() =>
    [
        new Setting<GenerationOptions, int?>(Integer("--max-tokens", "N", $"tokens at most (default: {Defaults.MaxTokens})"), Sampling,
            (o, v) => o with { MaxTokens = v!.Value }),
        new Setting<GenerationOptions, double?>(Real("--temperature", "T", $"below 1 the likely becomes likelier; 0: always the likeliest token (default: {Defaults.Temperature})"), Sampling,
            (o, v) => o with { Temperature = v!.Value }),
        new Setting<GenerationOptions, int?>(Integer("--top-k", "K", $"draw from the K likeliest tokens; 0: all (default: {Defaults.TopK})"), Sampling,
            (o, v) => o with { TopK = v!.Value }),
        new Setting<GenerationOptions, double?>(Real("--top-p", "P", $"draw from the likeliest tokens whose probabilities reach P (default: {Defaults.TopP})"), Sampling,
            (o, v) => o with { TopP = v!.Value }),
        new Setting<GenerationOptions, double?>(Real("--min-p", "P", $"leave out tokens below this share of the likeliest one's probability (default: {Defaults.MinP})"), Sampling,
            (o, v) => o with { MinP = v!.Value }),
        new Setting<GenerationOptions, double?>(Real("--repetition-penalty", "X", "above 1, tokens that have occurred become less likely (default: 1)"), Sampling,
            (o, v) => o with { RepetitionPenalty = v!.Value }),
        new Setting<GenerationOptions, string[]>(Texts("--stop", "TEXT", "end before this text; may be given several times"), Sampling,
            (o, v) => o with { Stop = v }),
        new Setting<GenerationOptions, ulong?>(Seed("--seed", $"same seed, same text (default: {Defaults.Seed})"), Sampling,
            (o, v) => o with { Seed = v!.Value }),
    ];
}
