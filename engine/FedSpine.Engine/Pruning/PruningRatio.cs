using FedSpine.Engine.Models;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Counts prunable parameters: the elements of the blocks' attention and FFN matrices, without biases, norms and adapters. The
/// pruning ratio is the fraction of the unpruned base's that is gone.
/// </summary>
public static class PruningRatio
{
    /// <summary>Ratio of a model that has lost everything but its protected layers and, elsewhere, one group and the least FFN width.</summary>
    /// <param name="spec">The unpruned base.</param>
    public static double Max(ModelSpec spec)
    {
        long removable = 0;
        for (int l = 0; l < spec.Layers.Count; l++)
        {
            var layer = spec.Layers[l];
            if (IsProtected(l, spec.Layers.Count))
                continue;
            removable += (long)(layer.KeyValueHeads - 1) * GroupSize(spec, layer)
                + (long)Math.Max(0, layer.FfnWidth - ChannelMultiple(layer)) * ChannelSize(spec);
        }

        return (double)removable / Count(spec, spec.Layers);
    }

    /// <summary>Checks, before any work, that so much can go.</summary>
    /// <param name="option">The command line's, for the message.</param>
    /// <param name="spec">The unpruned base.</param>
    /// <exception cref="InputException">The ratio is above <see cref="Max"/>.</exception>
    public static void RequireReachable(string option, double ratio, ModelSpec spec)
    {
        double reachable = Max(spec);
        if (ratio > reachable)
            throw new InputException(FormattableString.Invariant($"{option} {ratio}: this model can lose at most {Math.Floor(reachable * 1000) / 1000} (its first and last layers are protected)"));
    }

    /// <summary>The finest step in ratio that the base allows: its smallest attention group or block of channels.</summary>
    /// <param name="spec">The unpruned base.</param>
    public static double Step(ModelSpec spec) => (double)SmallestBlock(spec, spec.Layers) / Count(spec, spec.Layers);

    /// <summary>The model's present ratio.</summary>
    public static double Of(Model model) => Of(model.Spec, model.BaseLayers);

    /// <summary>Ratio of <paramref name="spec"/>, what is left of <paramref name="baseLayers"/>.</summary>
    public static double Of(ModelSpec spec, IReadOnlyList<LayerSpec> baseLayers) =>
        1 - (double)Count(spec, spec.Layers) / Count(spec, baseLayers);

    /// <summary>Prunable parameters of <paramref name="layers"/> in a model otherwise like <paramref name="spec"/>.</summary>
    public static long Count(ModelSpec spec, IReadOnlyList<LayerSpec> layers) => layers.Sum(layer =>
        2L * spec.Width * (layer.QuerySize + layer.KeyValueSize) + (long)layer.FfnWidth * ChannelSize(spec));

    internal static long SmallestBlock(ModelSpec spec, IReadOnlyList<LayerSpec> baseLayers) =>
        baseLayers.Min(layer => Math.Min(GroupSize(spec, layer), (long)ChannelMultiple(layer) * ChannelSize(spec)));

    /// <summary>Parameters of one attention group: its rows of q, k and v and its columns of o.</summary>
    internal static long GroupSize(ModelSpec spec, LayerSpec layer) =>
        2L * spec.Width * layer.HeadSize * (layer.QueryHeads / layer.KeyValueHeads + 1);

    /// <summary>Parameters of one FFN channel: its row of gate (decoders) and up, its column of down.</summary>
    internal static int ChannelSize(ModelSpec spec) => (spec.IsDecoder ? 3 : 2) * spec.Width;

    /// <summary>FFN widths are pruned to multiples of this, and to no less: what GGUF and the vector units want.</summary>
    internal static int ChannelMultiple(LayerSpec baseLayer) => baseLayer.FfnWidth < 256 ? 8 : 32;

    /// <summary>The first ceil(10 %) of the layers and the last are never pruned.</summary>
    internal static bool IsProtected(int layer, int layers) => layer < (layers + 9) / 10 || layer == layers - 1;
}
