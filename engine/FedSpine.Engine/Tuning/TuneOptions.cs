using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tuning;

/// <summary>How a model is tuned on one device, and pruned while it is.</summary>
public sealed record TuneOptions
{
    /// <summary>Optimizer steps; null: <see cref="Epochs"/> decides.</summary>
    public int? Steps { get; init; }

    /// <summary>Passes over the training data.</summary>
    public double Epochs { get; init; } = 3;

    /// <summary>Examples a micro-batch.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>Micro-batches a step: their mean loss is one update.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>What the backward pass computes again instead of keeping it; null: nothing, or with a budget what it takes.</summary>
    public Recompute? Recompute { get; init; }

    /// <summary>
    /// Memory to keep within, in bytes; null: no limit. <see cref="MemoryPlan"/> then chooses what is recomputed, and divides a
    /// <see cref="Batch"/> into smaller micro-batches where it must.
    /// </summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Highest learning rate; it rises linearly at first, then falls linearly to 0.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Fraction of the steps over which the rate rises, [0, 1].</summary>
    public double Warmup { get; init; } = 0.06;

    /// <summary>Decoupled decay of matrices.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Largest global gradient norm; 0: no clipping.</summary>
    public double ClipNorm { get; init; } = 1;

    /// <summary>[0, 1); 0: none.</summary>
    public double Dropout { get; init; }

    /// <summary>Steps between two evaluations on the test set; null: ten of them in all.</summary>
    public int? EvaluateEvery { get; init; }

    /// <summary>Most test examples of an evaluation between steps; the last one uses all.</summary>
    public int EvaluateExamples { get; init; } = 256;

    /// <summary>End with the weights of the best evaluation since the last pruning event, instead of the last ones.</summary>
    public bool KeepBest { get; init; } = true;

    /// <summary>Fraction of the blocks' prunable parameters to be gone in the end, [0, 0.95]; 0: no pruning.</summary>
    public double Ratio { get; init; }

    /// <summary>Importance of heads and channels: one of <see cref="ImportanceCriteria.Names"/>.</summary>
    public string Criterion { get; init; } = "taylor";

    /// <summary>Steps between two pruning events (the paper's best: 20).</summary>
    public int PruneInterval { get; init; } = 20;

    /// <summary>Of the order of examples and of dropout.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Optimizer steps for so many training examples.</summary>
    public int StepsFor(int examples) => Steps ?? Math.Max(1, (int)Math.Min(int.MaxValue, Math.Ceiling(Epochs * examples / ((double)Math.Min(Batch, examples) * Accumulate))));

    /// <exception cref="InputException">A value is out of range; names the command line's option.</exception>
    public void Validate()
    {
        Require(Steps is null or (>= 1 and <= 100_000_000), "steps", Steps ?? 0, "at least 1");
        Require(Epochs > 0 && Epochs <= 1e6, "epochs", Epochs, "above 0");
        Require(Batch is >= 1 and <= 100_000, "batch", Batch, "at least 1");
        Require(Accumulate is >= 1 and <= 100_000, "accumulate", Accumulate, "at least 1");
        Require(MemoryBytes is null or > 0, "memory", MemoryBytes ?? 0, "above 0");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), "lr", LearningRate, "above 0");
        Require(Warmup is >= 0 and <= 1, "warmup", Warmup, "0 to 1 (a fraction of the steps)");
        Require(WeightDecay is >= 0 and <= 1, "weight-decay", WeightDecay, "0 to 1");
        Require(ClipNorm >= 0 && double.IsFinite(ClipNorm), "clip-norm", ClipNorm, "at least 0");
        Require(Dropout is >= 0 and < 1, "dropout", Dropout, "at least 0, below 1");
        Require(EvaluateEvery is null or >= 1, "evaluate-every", EvaluateEvery ?? 0, "at least 1");
        Require(EvaluateExamples >= 1, "evaluate-examples", EvaluateExamples, "at least 1");
        Require(Ratio is >= 0 and <= 0.95, "ratio", Ratio, "0 to 0.95");
        Require(PruneInterval >= 1, "prune-interval", PruneInterval, "at least 1");
        if (!ImportanceCriteria.Names.Contains(Criterion))
            throw new InputException($"--criterion {Criterion}: expected {string.Join(", ", ImportanceCriteria.Names)}");
    }

    private static void Require(bool holds, string option, double value, string expected)
    {
        if (!holds)
            throw new InputException(FormattableString.Invariant($"--{option} {value}: expected {expected}"));
    }
}
