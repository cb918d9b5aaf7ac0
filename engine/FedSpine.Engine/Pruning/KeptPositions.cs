using FedSpine.Engine.Models;

namespace FedSpine.Engine.Pruning;

/// <summary>Where what is to be kept of a layer lies in what is present of it.</summary>
internal static class KeptPositions
{
    /// <summary>Position of each kept index among the present ones, both ascending; null when everything present is kept.</summary>
    /// <exception cref="ArgumentException">An index is not present, or they do not ascend.</exception>
    public static int[]? Of(int[] keep, int[] present)
    {
        if (keep.AsSpan().SequenceEqual(present))
            return null;
        var positions = new int[keep.Length];
        int at = 0;
        for (int i = 0; i < keep.Length; i++)
        {
            while (at < present.Length && present[at] < keep[i])
                at++;
            if (at == present.Length || present[at] != keep[i])
                throw new ArgumentException($"index {keep[i]} is not among the present ones, or out of order");
            positions[i] = at++;
        }

        return positions;
    }

    /// <summary>Elements of each position: <paramref name="size"/> consecutive ones.</summary>
    public static int[]? Elements(int[]? positions, int size)
    {
        if (positions is null || size == 1)
            return positions;
        var elements = new int[positions.Length * size];
        for (int i = 0; i < elements.Length; i++)
            elements[i] = positions[i / size] * size + i % size;
        return elements;
    }

    /// <summary>The shape that <paramref name="keep"/> leaves of a base layer.</summary>
    /// <exception cref="InputException">Nothing is left, or the query heads are not equally many for every key-value head.</exception>
    public static LayerSpec Shape(LayerSpec baseLayer, KeptGroups keep, int layer)
    {
        int queries = keep.QueryHeads.Length, groups = keep.KeyValueHeads.Length;
        if (groups == 0 || keep.Channels.Length == 0)
            throw new InputException($"layer {layer}: {groups} key-value heads and {keep.Channels.Length} channels are kept, at least one of each must be");
        int ratio = queries / groups, baseRatio = baseLayer.QueryHeads / baseLayer.KeyValueHeads;
        bool matches = queries == ratio * groups && ratio > 0 && baseRatio > 0;
        for (int i = 0; matches && i < queries; i++)
            matches = keep.QueryHeads[i] / baseRatio == keep.KeyValueHeads[i / ratio];
        if (!matches)
        {
            throw new InputException($"layer {layer}: kept query heads [{string.Join(", ", keep.QueryHeads)}] are not equally many for each of "
                + $"the kept key-value heads [{string.Join(", ", keep.KeyValueHeads)}] ({baseRatio} query heads share one in the base)");
        }

        return baseLayer with { QueryHeads = queries, KeyValueHeads = groups, FfnWidth = keep.Channels.Length };
    }
}
