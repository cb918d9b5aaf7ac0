using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tuning;

/// <summary>An evaluation on the test set while a model is tuned.</summary>
/// <param name="Step">Steps done; 0: before tuning.</param>
/// <param name="TrainLoss">Running mean of the training loss; NaN before the first step.</param>
/// <param name="Test">On the test examples.</param>
/// <param name="Ratio">Pruning ratio of the model.</param>
public readonly record struct TunePoint(int Step, double TrainLoss, EvaluationResult Test, double Ratio);

/// <summary>What tuning came to.</summary>
public sealed record TuneResult
{
    /// <summary>Steps done, those before a resume included.</summary>
    public required int Steps { get; init; }

    /// <summary>Steps without effect, because the loss or a gradient was not finite.</summary>
    public required int VoidSteps { get; init; }

    /// <summary>Every evaluation, the one before tuning first.</summary>
    public required IReadOnlyList<TunePoint> Points { get; init; }

    /// <summary>The step whose weights the model has now.</summary>
    public required int KeptStep { get; init; }

    /// <summary>All test examples with these weights.</summary>
    public required EvaluationResult Final { get; init; }

    /// <summary>Pruning ratio reached.</summary>
    public required double Ratio { get; init; }

    /// <summary>Floating-point operations of the steps, a multiply-add counting two.</summary>
    public required long Flops { get; init; }

    /// <summary>Time in steps and evaluations, those before a resume included.</summary>
    public required double Seconds { get; init; }
}

/// <summary>What tuning tells whoever watches it, on the calling thread.</summary>
public interface ITuneProgress
{
    /// <summary>What a memory budget came to, before the first step.</summary>
    void Planned(MemoryPlan plan);

    void Step(int step, int steps, double loss, double tokensPerSecond);

    /// <param name="best">Whether it is the best so far.</param>
    void Evaluated(TunePoint point, bool best);

    /// <summary>A pruning event: <paramref name="ratio"/> of the prunable parameters are gone, <paramref name="parameters"/> weights are left in all.</summary>
    void Pruned(int step, double ratio, long parameters);
}
