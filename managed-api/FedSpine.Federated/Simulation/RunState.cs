using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Simulation;

/// <summary>What a run has beside its federations; checkpointed with them.</summary>
internal sealed class RunState
{
    /// <summary>Rounds that are complete.</summary>
    public int Round { get; set; }

    /// <summary>Wall-clock seconds so far, over all sittings of an interrupted run.</summary>
    public double WallSeconds { get; set; }

    /// <summary>The base model with a fresh head on the test set.</summary>
    public required EvaluationResult Base { get; init; }

    /// <summary>Accuracy (or perplexity) per evaluated round.</summary>
    public List<CurvePoint> Curve { get; init; } = [];

    public List<CurvePoint> ReferenceCurve { get; init; } = [];
}
