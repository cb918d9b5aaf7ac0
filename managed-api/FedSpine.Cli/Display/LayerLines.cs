using System.Text;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli.Display;

/// <summary>A line a layer: what it is made of, a cell a query head, and a bar of its channels, darker where more are left.</summary>
internal static class LayerLines
{
    private const int MostHeads = 48, BarCells = 24;

    private const char Kept = '█', Gone = '·';

    /// <summary>A share of channels, from none to all.</summary>
    private static readonly char[] Shades = [Gone, '░', '▒', '▓', Kept];

    public static IEnumerable<string> Of(ModelOutline model)
    {
        var rows = model.Layers.Select((layer, l) => new[]
        {
            $"{l}", Of(layer.Shape.QueryHeads, layer.Base.QueryHeads), Of(layer.Shape.KeyValueHeads, layer.Base.KeyValueHeads), $"{layer.Shape.HeadSize}",
            Of(layer.Shape.FfnWidth, layer.Base.FfnWidth), Units.Count(layer.Parameters), Units.Percent(layer.KeptShare),
        }).Prepend(["layer", "heads", "kv heads", "head size", "FFN", "weights", "kept"]).ToList();
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(r => r[c].Length))];
        int heads = Math.Max(5, model.Layers.Max(l => Heads(l).Length));
        for (int r = 0; r < rows.Count; r++)
        {
            string cells = string.Join("  ", rows[r].Select((cell, c) => cell.PadLeft(widths[c])));
            string picture = r == 0 ? $"{"heads".PadRight(heads)}  channels" : $"{Heads(model.Layers[r - 1]).PadRight(heads)}  {Channels(model.Layers[r - 1])}";
            yield return $"  {cells}  {picture}";
        }
    }

    /// <summary>The heads and the bar alone.</summary>
    public static IEnumerable<string> Small(ModelOutline model)
    {
        int heads = model.Layers.Max(l => Heads(l).Length);
        return model.Layers.Select((layer, l) => $"    {l,3}  {Heads(layer).PadRight(heads)}  {Channels(layer)}  {Units.Percent(layer.KeptShare)}");
    }

    private static string Of(int now, int before) => now == before ? $"{now}" : $"{now}/{before}";

    /// <summary>Query heads on one key-value head stand together.</summary>
    private static string Heads(LayerOutline layer)
    {
        int count = layer.Base.QueryHeads, group = count / layer.Base.KeyValueHeads;
        if (count > MostHeads)
            return $"{layer.Kept.QueryHeads.Length} of {count}";
        var kept = layer.Kept.QueryHeads.ToHashSet();
        var text = new StringBuilder();
        for (int h = 0; h < count; h++)
        {
            if (group > 1 && h > 0 && h % group == 0)
                text.Append(' ');
            text.Append(kept.Contains(h) ? Kept : Gone);
        }

        return text.ToString();
    }

    private static string Channels(LayerOutline layer) =>
        string.Concat(LayersPicture.ChannelShares(layer, BarCells).Select(share => Shades[(int)Math.Round(share * (Shades.Length - 1))]));
}
