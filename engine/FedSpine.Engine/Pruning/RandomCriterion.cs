using FedSpine.Engine.Models;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Baseline: a uniform number per group of the unpruned base, times the group's parameters, so that attention and FFN have the same
/// chance. A group keeps its number for life: what one pruning spares does not depend on how many prunings came before.
/// </summary>
public sealed class RandomCriterion(ulong seed) : IImportanceCriterion
{
    public string Name => "random";

    public bool NeedsSteps => false;

    public void Bind(Model model) { }

    public void Score(Model model, IReadOnlyList<LayerScores> scores)
    {
        for (int l = 0; l < scores.Count; l++)
        {
            var (spec, kept) = (model.BaseLayers[l], model.Kept[l]);
            Draw(scores[l].Groups, kept.KeyValueHeads, spec.KeyValueHeads, PruningRatio.GroupSize(model.Spec, model.Spec.Layers[l]), (ulong)l, 0);
            Draw(scores[l].Channels, kept.Channels, spec.FfnWidth, PruningRatio.ChannelSize(model.Spec), (ulong)l, 1);
        }
    }

    private void Draw(float[] scores, int[] kept, int count, long size, ulong layer, ulong kind)
    {
        var random = new DeterministicRandom(seed, layer, kind);
        var drawn = new double[count];
        for (int i = 0; i < count; i++)
            drawn[i] = random.NextDouble();
        for (int i = 0; i < kept.Length; i++)
            scores[i] = (float)(drawn[kept[i]] * size);
    }
}
