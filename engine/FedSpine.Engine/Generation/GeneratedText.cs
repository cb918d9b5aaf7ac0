namespace FedSpine.Engine.Generation;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>A stop string came.</summary>
    Stop,

    /// <summary>The model ended the text.</summary>
    EndOfText,

    /// <summary>As many tokens as were asked for.</summary>
    MaxTokens,

    /// <summary>Prompt and text fill the context.</summary>
    ContextFull,
}

/// <summary>A continuation of a prompt.</summary>
/// <param name="Text">Without the prompt, and without the stop string.</param>
/// <param name="Tokens">Ids drawn; the last may be the one that ended the text.</param>
/// <param name="PrefillSeconds">Of the pass over the prompt.</param>
/// <param name="DecodeSeconds">Of the steps that this text took part in.</param>
public sealed record GeneratedText(
    string Text, IReadOnlyList<int> Tokens, FinishReason Finish, int PromptTokens, double PrefillSeconds, double DecodeSeconds)
{
    /// <summary>The first token comes from the pass over the prompt: the steps yield the others.</summary>
    public double DecodeTokensPerSecond => DecodeSeconds > 0 ? (Tokens.Count - 1) / DecodeSeconds : 0;

    public double PrefillTokensPerSecond => PrefillSeconds > 0 ? PromptTokens / PrefillSeconds : 0;
}
