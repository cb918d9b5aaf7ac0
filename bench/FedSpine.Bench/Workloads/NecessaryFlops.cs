using FedSpine.Engine.Models;

namespace FedSpine.Bench.Workloads;

/// <summary>
/// The operations that a step cannot do without, a multiply-add counting two: forward and input gradients of the blocks' frozen
/// matrices, attention, and a language model's vocabulary. Adapters, norms, activations, the update and whatever is computed twice
/// are not counted: they are overhead.
/// </summary>
internal static class NecessaryFlops
{
    public static long Training(Model model, int B, int T) => 2 * Products(model, B, T) + 3 * Attention(model, B, T);

    public static long Forward(Model model, int B, int T) => Products(model, B, T) + Attention(model, B, T);

    private static long Products(Model model, int B, int T)
    {
        long head = model.Spec.Head == ModelHead.CausalLm ? (long)model.Spec.VocabularySize * model.Spec.Width : 0;
        return 2L * B * T * (model.PrunableCount + head);
    }

    /// <summary>Scores and values, forward; the backward pass needs twice as many. Half the keys are masked under causal attention.</summary>
    private static long Attention(Model model, int B, int T) =>
        (model.Spec.IsDecoder ? 2L : 4L) * B * T * T * model.Spec.Layers.Sum(l => (long)l.QuerySize);
}
