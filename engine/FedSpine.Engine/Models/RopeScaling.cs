namespace FedSpine.Engine.Models;

public enum RopeScalingKind
{
    /// <summary>Every frequency divided by the factor (position interpolation, arXiv 2306.15595).</summary>
    Linear,

    /// <summary>LLaMA 3.1: long waves divided by the factor, short ones kept, a smooth passage between.</summary>
    Llama3,
}

/// <summary>How a decoder trained on a short context stretches its rotary frequencies over a longer one.</summary>
/// <param name="Factor">By which the context grows, at least 1.</param>
/// <param name="LowFrequencyFactor">llama3: waves longer than OriginalLength / this are divided by the factor.</param>
/// <param name="HighFrequencyFactor">llama3: waves shorter than OriginalLength / this stay; above <paramref name="LowFrequencyFactor"/>.</param>
/// <param name="OriginalLength">llama3: the context that the model was trained on first.</param>
public sealed record RopeScaling(RopeScalingKind Kind, float Factor, float LowFrequencyFactor = 1, float HighFrequencyFactor = 4, int OriginalLength = 8192)
{
    /// <summary>
    /// The scaled angle per position, w being the unscaled one. linear: w / f. llama3, with n = OriginalLength w / (2 pi) waves in the
    /// original context: w where n &gt; high, w / f where n &lt; low, else (1 - s) w / f + s w with s = (n - low) / (high - low).
    /// As in Hugging Face's modeling_rope_utils.
    /// </summary>
    public double Apply(double frequency)
    {
        double scaled = frequency / Factor;
        if (Kind == RopeScalingKind.Linear)
            return scaled;
        double waves = OriginalLength * frequency / (2 * Math.PI);
        double share = Math.Clamp((waves - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return scaled + share * (frequency - scaled);
    }
}
