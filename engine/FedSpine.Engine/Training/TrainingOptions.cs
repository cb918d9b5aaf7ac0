namespace FedSpine.Engine.Training;

/// <summary>Optimizer, schedule and regularisation of a training run. AdamW: Loshchilov and Hutter, arXiv 1711.05101.</summary>
public sealed record TrainingOptions
{
    /// <summary>Peak learning rate.</summary>
    public float LearningRate { get; init; } = 5e-4f;

    /// <summary>Decoupled decay of matrices; biases and norms are not decayed.</summary>
    public float WeightDecay { get; init; } = 0.01f;

    public float Beta1 { get; init; } = 0.9f;

    public float Beta2 { get; init; } = 0.999f;

    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Largest global gradient norm; 0: no clipping.</summary>
    public float ClipNorm { get; init; } = 1;

    /// <summary>Steps over which the rate rises linearly to <see cref="LearningRate"/>.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>The rate falls linearly and is 0 from this step on; 0: it stays at its peak.</summary>
    public int TotalSteps { get; init; }

    /// <summary>Rate on the embeddings, on each residual branch and before the classifier; 0: none.</summary>
    public float Dropout { get; init; }

    /// <summary>What the backward pass computes again instead of keeping it.</summary>
    public Recompute Recompute { get; init; }

    /// <summary>Of the dropout masks.</summary>
    public ulong Seed { get; init; }

    /// <summary>Learning rate of step <paramref name="step"/>, counted from 0.</summary>
    public float LearningRateAt(int step)
    {
        if (step < WarmupSteps)
            return LearningRate * (step + 1) / WarmupSteps;
        if (TotalSteps == 0)
            return LearningRate;
        return LearningRate * Math.Max(0, TotalSteps - step) / Math.Max(1, TotalSteps - WarmupSteps);
    }
}
