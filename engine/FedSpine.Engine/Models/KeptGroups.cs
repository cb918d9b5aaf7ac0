namespace FedSpine.Engine.Models;

/// <summary>
/// What is left of one layer, as ascending indices into the layer of the unpruned base model. Head indices count heads, not rows.
/// </summary>
public sealed record KeptGroups(int[] QueryHeads, int[] KeyValueHeads, int[] Channels)
{
    /// <summary>Everything of a layer.</summary>
    public static KeptGroups All(LayerSpec layer) => new(
        [.. Enumerable.Range(0, layer.QueryHeads)], [.. Enumerable.Range(0, layer.KeyValueHeads)], [.. Enumerable.Range(0, layer.FfnWidth)]);

    /// <summary>Element indices along <paramref name="axis"/> of a base matrix; null when the axis is never pruned.</summary>
    public int[]? Elements(GroupAxis axis, int headSize) => axis switch
    {
        GroupAxis.QueryHeads => Expand(QueryHeads, headSize),
        GroupAxis.KeyValueHeads => Expand(KeyValueHeads, headSize),
        GroupAxis.Channels => Channels,
        _ => null,
    };

    private static int[] Expand(int[] heads, int headSize)
    {
        var rows = new int[heads.Length * headSize];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = heads[i / headSize] * headSize + i % headSize;
        return rows;
    }
}
