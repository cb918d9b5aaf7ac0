using FedSpine.Engine.Models;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Chooses what to remove: all layers' groups in one ranking by score per parameter, cut at the threshold where the budget is met.
/// Attention loses whole groups (a key-value head with its query heads), the FFN blocks of 32 channels (8 where the base layer has
/// under 256), each block being the layer's lowest-scored channels. Protected layers, one group and one block per layer stay.
/// </summary>
/// <remarks>
/// Blocks do not fill the budget exactly, so a last step (<see cref="BudgetFill"/>) moves a few of them around the threshold: the
/// removed count lies within half of the smallest removable block of the budget wherever some combination does. Equal scores fall
/// in the order layer, attention before FFN, index. Scaling all scores changes nothing.
/// </remarks>
public static class GlobalRanking
{
    /// <summary>What to keep of <paramref name="model"/> to reach <paramref name="ratio"/>.</summary>
    public static IReadOnlyList<KeptGroups> Select(Model model, IReadOnlyList<LayerScores> scores, double ratio) =>
        Select(model.Spec, model.BaseLayers, model.Kept, scores, ratio);

    /// <param name="spec">The present model; its layers are what <paramref name="kept"/> leaves.</param>
    /// <param name="baseLayers">Layers of the unpruned base.</param>
    /// <param name="kept">What is left of the base; the result keeps a part of it (all of it when the ratio has been reached already).</param>
    /// <param name="scores">Per layer, in present order.</param>
    /// <param name="ratio">Fraction of the base's prunable parameters to be gone.</param>
    /// <exception cref="InputException">The ratio is out of reach: the message says what the largest is.</exception>
    public static IReadOnlyList<KeptGroups> Select(ModelSpec spec, IReadOnlyList<LayerSpec> baseLayers, IReadOnlyList<KeptGroups> kept,
        IReadOnlyList<LayerScores> scores, double ratio)
    {
        if (!(ratio >= 0 && ratio < 1))
            throw new InputException($"pruning ratio {ratio} is outside [0, 1)");
        long total = PruningRatio.Count(spec, baseLayers), present = PruningRatio.Count(spec, spec.Layers);
        double budget = ratio * total - (total - present);
        if (budget <= 0)
            return kept;

        var chains = new List<RemovalChain>();
        for (int l = 0; l < spec.Layers.Count; l++)
        {
            Check(spec.Layers[l], scores[l], l);
            if (PruningRatio.IsProtected(l, spec.Layers.Count))
                continue;
            chains.Add(RemovalChain.OfGroups(l, scores[l].Groups, PruningRatio.GroupSize(spec, spec.Layers[l])));
            chains.Add(RemovalChain.OfChannels(l, scores[l].Channels, PruningRatio.ChannelMultiple(baseLayers[l]), PruningRatio.ChannelSize(spec)));
        }

        chains.RemoveAll(chain => chain.Count == 0);
        long removable = chains.Sum(chain => chain.Size(chain.Count));
        if (budget > removable + PruningRatio.SmallestBlock(spec, baseLayers) / 2.0)
        {
            double reachable = (double)(total - present + removable) / total;
            throw new InputException(FormattableString.Invariant(
                $"pruning ratio {ratio:0.####} is out of reach: with the first {(spec.Layers.Count + 9) / 10} of {spec.Layers.Count} layers and the last protected, at most {reachable:0.####} can go"));
        }

        if (chains.Count == 0)
            return kept;
        int[] counts = BudgetFill.Fill(chains, Threshold(chains, budget), budget);
        var keep = kept.ToArray();
        for (int c = 0; c < chains.Count; c++)
        {
            int layer = chains[c].Layer;
            keep[layer] = chains[c].IsAttention
                ? WithoutGroups(keep[layer], chains[c].Members(counts[c]))
                : keep[layer] with { Channels = Without(keep[layer].Channels, chains[c].Members(counts[c]), 1) };
        }

        return keep;
    }

    /// <summary>Blocks to take from each chain so that no more than the budget goes: a prefix of the global ranking.</summary>
    private static int[] Threshold(List<RemovalChain> chains, double budget)
    {
        var ranking = new List<(double Density, int Chain, int Block)>();
        for (int c = 0; c < chains.Count; c++)
        {
            for (int block = 0; block < chains[c].Count; block++)
                ranking.Add((chains[c].Density(block), c, block));
        }

        ranking.Sort();
        var sizes = new long[ranking.Count + 1]; // removed by the first i blocks
        for (int i = 0; i < ranking.Count; i++)
            sizes[i + 1] = sizes[i] + chains[ranking[i].Chain].BlockSize(ranking[i].Block);
        int at = Array.BinarySearch(sizes, (long)Math.Floor(budget));
        var counts = new int[chains.Count];
        foreach (var (_, chain, _) in ranking.Take(at >= 0 ? at : ~at - 1))
            counts[chain]++;
        return counts;
    }

    private static KeptGroups WithoutGroups(KeptGroups kept, ReadOnlySpan<int> groups) => kept with
    {
        QueryHeads = Without(kept.QueryHeads, groups, kept.QueryHeads.Length / kept.KeyValueHeads.Length),
        KeyValueHeads = Without(kept.KeyValueHeads, groups, 1),
    };

    /// <summary>The items without those of <paramref name="removed"/>, each of which stands for <paramref name="run"/> consecutive ones.</summary>
    private static int[] Without(int[] items, ReadOnlySpan<int> removed, int run)
    {
        var gone = new bool[items.Length];
        foreach (int i in removed)
            gone.AsSpan(i * run, run).Fill(true);
        return [.. items.Where((_, i) => !gone[i])];
    }

    private static void Check(LayerSpec layer, LayerScores scores, int index)
    {
        if (scores.Groups.Length != layer.KeyValueHeads || scores.Channels.Length != layer.FfnWidth)
        {
            throw new ArgumentException($"layer {index}: scores of {scores.Groups.Length} attention groups and {scores.Channels.Length} channels, "
                + $"the layer has {layer.KeyValueHeads} and {layer.FfnWidth}", nameof(scores));
        }

        if (!scores.IsFinite)
            throw new FedSpineException($"layer {index}: an importance score is not finite");
    }
}
