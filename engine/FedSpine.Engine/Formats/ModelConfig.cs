using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>What a Hugging Face config.json says, ours included: the shape now, the shape before pruning, and what was kept of it.</summary>
/// <param name="Spec">Shape of the checkpoint. Its head is <see cref="ModelHead.CausalLm"/> or <see cref="ModelHead.MaskedLm"/> where the checkpoint has none.</param>
/// <param name="HasHead">False for a bare encoder or decoder (RobertaModel, LlamaModel).</param>
/// <param name="BaseLayers">Shapes of the unpruned base.</param>
/// <param name="Kept">Per layer, what is left of the base.</param>
public sealed record ModelConfig(ModelSpec Spec, bool HasHead, IReadOnlyList<LayerSpec> BaseLayers, IReadOnlyList<KeptGroups> Kept)
{
    public const string FileName = "config.json";

    /// <summary>Whether heads or channels were removed.</summary>
    public bool IsPruned => !BaseLayers.SequenceEqual(Spec.Layers);
}
