using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// How important each attention group and FFN channel is. A criterion that needs steps gathers on the device while the trainer runs
/// and answers after each step; the others look at the weights whenever asked.
/// </summary>
public interface IImportanceCriterion : IStepObserver, IDisposable
{
    string Name { get; }

    /// <summary>False when <see cref="Score"/> needs no training step before it.</summary>
    bool NeedsSteps { get; }

    /// <summary>
    /// Whether scores are slopes of the loss, which <see cref="ImportanceScorer.Costs"/> squares, and not already something that
    /// adds up like a loss.
    /// </summary>
    bool ScoresAreSlopes => false;

    /// <summary>Makes buffers for a model's shape. Called again with the smaller model after pruning.</summary>
    /// <exception cref="InputException">The model lacks what the criterion looks at.</exception>
    void Bind(Model model);

    /// <summary>
    /// Overwrites <paramref name="scores"/> (per layer of the bound model) with the scores of the step that has just ended, or of the
    /// weights, and starts afresh. Scores are not smoothed, and not finite when the step was not.
    /// </summary>
    void Score(Model model, IReadOnlyList<LayerScores> scores);

    bool IStepObserver.WantsEveryRow => false; // what gradients say of the other rows is 0

    void IStepObserver.OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h,
        SequenceRows rows) { }

    void IStepObserver.OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh,
        SequenceRows rows) { }

    void IStepObserver.OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o,
        SequenceRows rows) { }

    void IStepObserver.OnGradients(IComputeBackend backend, Workspace workspace, Model model) { }

    void IDisposable.Dispose() { }
}
