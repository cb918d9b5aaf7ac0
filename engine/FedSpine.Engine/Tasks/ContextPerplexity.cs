using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tasks;

/// <summary>
/// Perplexity over long text as llama.cpp measures it: the text is tokenized once, with the begin token in front, and cut into
/// windows of N tokens without overlap (an incomplete last one is dropped); the first token of each window is replaced by the begin
/// token, and only the second half is scored: positions N/2 + 1 to N - 1, each predicted from the one before.
/// </summary>
public static class ContextPerplexity
{
    /// <summary>Windows that a text gives.</summary>
    public static int Windows(int tokens, int context) => tokens / context;

    /// <param name="inference">Planned for batches of windows (at most maxB of them) of <paramref name="context"/> tokens.</param>
    /// <param name="tokens">The whole text, the begin token in front where the model has one.</param>
    /// <param name="context">N, at least 4 and even.</param>
    /// <param name="bosId">The begin token; null: windows keep their first token.</param>
    /// <param name="batch">Scratch of at least (1, N).</param>
    /// <exception cref="InputException">The text has fewer tokens than one window.</exception>
    public static EvaluationResult Run(Inference inference, ReadOnlySpan<int> tokens, int context, int? bosId, Batch batch,
        Action<int, int>? progress = null, CancellationToken cancel = default)
    {
        if (context < 4 || context % 2 != 0)
            throw new InputException($"--context {context}: expected an even number, at least 4");
        int windows = Windows(tokens.Length, context);
        if (windows == 0)
            throw new InputException($"the text has {tokens.Length} tokens, fewer than one context of {context}");
        var sum = default(EvaluationResult);
        for (int start = 0; start < windows; start += batch.MaxB)
        {
            cancel.ThrowIfCancellationRequested();
            (batch.B, batch.T) = (Math.Min(batch.MaxB, windows - start), context);
            batch.Lengths.AsSpan(0, batch.B).Fill(context);
            batch.Targets.AsSpan(0, batch.B * context).Fill(Batch.Ignore);
            for (int b = 0; b < batch.B; b++)
            {
                var window = tokens.Slice((start + b) * context, context);
                window.CopyTo(batch.Ids.AsSpan(b * context));
                batch.Ids[b * context] = bosId ?? window[0];
                window[(context / 2 + 1)..].CopyTo(batch.Targets.AsSpan(b * context + context / 2));
            }

            sum += inference.Evaluate(batch);
            progress?.Invoke(start + batch.B, windows);
        }

        return sum;
    }
}
