using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Training;

/// <summary>
/// Sees what a step already computes, to score importance without a pass of its own. Called with the backend that runs the step
/// (the recording one during planning). Scratch comes from the workspace. The R rows are those of the batch's sequences, without padding;
/// where a head classifies, those of the last layer may be one of each sequence, the only one that the loss depends on.
/// </summary>
public interface IStepObserver
{
    /// <summary>Whether the last layer is to compute every row all the same: where rows count that the loss does not depend on.</summary>
    bool WantsEveryRow => true;

    /// <summary>Forward, per layer. o (R, QH*D): attention output before the output projection. h (R, F): activation before the down projection.</summary>
    void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h, SequenceRows rows);

    /// <summary>Backward, once dL/dh of the layer is known.</summary>
    void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh, SequenceRows rows);

    /// <summary>Backward, once dL/do of the layer is known.</summary>
    void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o, SequenceRows rows);

    /// <summary>All gradients of the step are complete (before clipping and the update).</summary>
    void OnGradients(IComputeBackend backend, Workspace workspace, Model model);
}
