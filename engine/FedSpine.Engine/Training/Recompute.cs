namespace FedSpine.Engine.Training;

/// <summary>
/// What the backward pass computes again, layer by layer, instead of keeping it from the forward pass: time for memory (Chen et al.,
/// arXiv 1604.06174; attention alone: Korthikanti et al., arXiv 2205.05198). The gradients are the same bits in every mode.
/// </summary>
public enum Recompute
{
    /// <summary>Nothing but norm outputs and activation functions.</summary>
    None,

    /// <summary>Also q, k, v and the attention's output.</summary>
    Attention,

    /// <summary>Everything between a layer's input and its down projection.</summary>
    Full,
}
