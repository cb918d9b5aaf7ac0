using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tuning;

/// <summary>What a tuning run has come to, besides the model and the optimizer's moments.</summary>
internal sealed class TuneState
{
    public int Step { get; set; }

    public int VoidSteps { get; set; }

    /// <summary>NaN before the first step.</summary>
    public double RunningLoss { get; set; } = double.NaN;

    public long Flops { get; set; }

    public double Seconds { get; set; }

    public List<TunePoint> Points { get; init; } = [];

    public int BestStep { get; set; }

    public EvaluationResult BestResult { get; set; }

    /// <summary>The trainable values of the best evaluation since the last pruning event; null before it.</summary>
    public float[]? BestValues { get; set; }
}
