using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// Embeddings and blocks of one family, forward and backward: flat operator calls, each layer's backward mirroring its forward
/// line by line. Activations live in the workspace; the pass keeps their spans between the two.
/// </summary>
/// <remarks>
/// Kept for the backward pass is only what is dear to recompute: residual sums, q, k, v, attention output and the products into
/// the feed-forward block. Norm outputs and activations are recomputed. <see cref="Training.Recompute"/> keeps less, of every layer but
/// the last; with the same operators on the same inputs the gradients stay the same bits.
/// </remarks>
internal abstract class TransformerPass : IDisposable
{
    /// <summary>Dropout on the embeddings; layers use AttentionSite and FfnSite, the head HeadSite.</summary>
    protected const int EmbeddingSite = 0;

    public const int HeadSite = 1;

    protected static int AttentionSite(int layer) => 2 + 2 * layer;

    protected static int FfnSite(int layer) => 3 + 2 * layer;

    public static TransformerPass Create(Model model, int maxT) => model.Spec.IsDecoder ? new DecoderPass(model, maxT) : new EncoderPass(model);

    /// <summary>
    /// x (R, width), or (M, width) where the last layer is narrow: the output of the last block (decoders: before the final norm), in a new
    /// buffer that the caller releases.
    /// </summary>
    public abstract DeviceSpan<float> Forward(PassContext context);

    /// <summary>Adds to all gradients below the head. d is dL/dx, of x's shape; its life ends here.</summary>
    public abstract void Backward(PassContext context, DeviceSpan<float> d);

    public virtual void Dispose() { }
}
