namespace FedSpine.Engine.Generation;

/// <summary>
/// How text is drawn from a model. The order of the steps, and each of them, is Hugging Face's: repetition penalty on the logits,
/// temperature, then top-k, top-p and min-p, each on what the one before has left.
/// </summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens at most, besides the prompt.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Divides the logits; 0: always the likeliest token (the lowest id of several).</summary>
    public double Temperature { get; init; } = 0.8;

    /// <summary>Only the k likeliest tokens; 0: all. Of equal ones, lower ids first.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Only the fewest likeliest tokens whose probabilities reach this sum (nucleus sampling, arXiv 1904.09751); 1: all.</summary>
    public double TopP { get; init; } = 0.95;

    /// <summary>Only tokens with at least this share of the likeliest one's probability (arXiv 2407.01082); 0: all.</summary>
    public double MinP { get; init; } = 0.05;

    /// <summary>
    /// Divides the positive logits of tokens that occur in prompt or text, and multiplies the negative ones (CTRL, arXiv
    /// 1909.05858); 1: none.
    /// </summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Same seed, same text, whatever the threads and the other prompts.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The text ends before the first of these.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <exception cref="InputException">A value out of its range; the message names the command line's option.</exception>
    public void Validate()
    {
        Require("--max-tokens", MaxTokens, MaxTokens >= 1, "at least 1");
        Require("--temperature", Temperature, Temperature >= 0 && double.IsFinite(Temperature), "at least 0");
        Require("--top-k", TopK, TopK >= 0, "at least 0");
        Require("--top-p", TopP, TopP is > 0 and <= 1, "above 0, at most 1");
        Require("--min-p", MinP, MinP is >= 0 and <= 1, "0 to 1");
        Require("--repetition-penalty", RepetitionPenalty, RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), "above 0");
        if (Stop.Any(s => s.Length == 0))
            throw new InputException("--stop '': expected some text");
    }

    private static void Require(string option, double value, bool holds, string expected)
    {
        if (!holds)
            throw new InputException(FormattableString.Invariant($"{option} {value}: expected {expected}"));
    }
}
