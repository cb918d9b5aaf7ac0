namespace FedSpine.Engine.Training;

/// <summary>
/// Sequences padded on the right. Reuse one instance: the arrays may be longer than B * T; only the first B * T (or B) count.
/// </summary>
public sealed class Batch(int maxB, int maxT)
{
    /// <summary>Target that is left out of the loss.</summary>
    public const int Ignore = -1;

    /// <summary>Rows all of full length, every token and target 0: to plan with, not to compute.</summary>
    internal static Batch Full(int B, int T)
    {
        var batch = new Batch(B, T) { B = B, T = T };
        batch.Lengths.AsSpan().Fill(T);
        return batch;
    }

    public int B { get; set; }

    public int T { get; set; }

    /// <summary>(B, T) token ids; anything valid at padding.</summary>
    public int[] Ids { get; } = new int[maxB * maxT];

    /// <summary>(B, T) token types (encoders with sentence pairs); 0 elsewhere.</summary>
    public int[] Types { get; } = new int[maxB * maxT];

    /// <summary>(B) tokens that count; the rest of the row is padding.</summary>
    public int[] Lengths { get; } = new int[maxB];

    /// <summary>
    /// (B) class ids when the head classifies; (B, T) token ids otherwise, where row t holds what position t must predict (the
    /// next token for causal LM, the masked token for masked LM) or <see cref="Ignore"/>.
    /// </summary>
    public int[] Targets { get; } = new int[maxB * maxT];

    public int MaxB => Lengths.Length;

    public int MaxT => Ids.Length / Lengths.Length;

    /// <summary>Tokens that are not padding.</summary>
    public int TokenCount
    {
        get
        {
            int sum = 0;
            for (int b = 0; b < B; b++)
                sum += Lengths[b];
            return sum;
        }
    }
}
