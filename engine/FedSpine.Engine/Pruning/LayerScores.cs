using FedSpine.Engine.Models;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Importance of what can be removed from one layer, in the layer's present order. An attention group is a key-value head with its
/// query heads: one head under multi-head attention.
/// </summary>
public sealed record LayerScores(
    float[] Groups,   // (KVH)
    float[] Channels) // (F)
{
    public static LayerScores Zero(LayerSpec layer) => new(new float[layer.KeyValueHeads], new float[layer.FfnWidth]);

    public static LayerScores[] Zero(IReadOnlyList<LayerSpec> layers) => [.. layers.Select(Zero)];

    public LayerScores Copy() => new([.. Groups], [.. Channels]);

    public bool IsFinite => AllFinite(Groups) && AllFinite(Channels);

    public void Clear()
    {
        Groups.AsSpan().Clear();
        Channels.AsSpan().Clear();
    }

    /// <summary>target[g] += scale * the sum of group g's values, which are equally many and consecutive (rows of a head, heads of a group).</summary>
    internal static void Add(float[] target, ReadOnlySpan<float> values, double scale = 1)
    {
        int run = values.Length / target.Length;
        for (int g = 0; g < target.Length; g++)
        {
            double sum = 0;
            foreach (float value in values.Slice(g * run, run))
                sum += value;
            target[g] += (float)(scale * sum);
        }
    }

    private static bool AllFinite(float[] values)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
                return false;
        }

        return true;
    }
}
