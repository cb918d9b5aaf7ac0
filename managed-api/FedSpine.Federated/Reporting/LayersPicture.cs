using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting;

/// <summary>
/// Heads and channels that are left, layer by layer, of one model or several under each other, as an SVG file of its own: a cell a
/// query head, those on one key-value head side by side, and a bar of channels whose shade is the share that is kept.
/// </summary>
public static class LayersPicture
{
    private const double Left = 48, RowHeight = 18, Cell = 12, Gap = 14, BarWidth = 384;

    private const int Segments = 96, Shades = 8;

    public static string ToSvg(IReadOnlyList<(string Title, ModelOutline Model)> models)
    {
        double heads = models.Max(m => m.Model.Layers.Max(HeadsWidth));
        double height = models.Sum(m => 56 + RowHeight * m.Model.Layers.Count);
        var svg = new Svg(Left + heads + Gap + BarWidth + 110, height, "heads and channels kept per layer");
        double y = 0;
        foreach (var (title, model) in models)
        {
            svg.Text(8, y + 20, title, "title");
            svg.Text(Left, y + 40, "heads", "tick");
            svg.Text(Left + heads + Gap, y + 40, "FFN channels", "tick");
            y += 46;
            for (int l = 0; l < model.Layers.Count; l++, y += RowHeight)
                DrawLayer(svg, model.Layers[l], l, y, Left + heads + Gap);
            y += 10;
        }

        return svg.ToFile(Style);
    }

    private static string Style => "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.tick{fill:#57606a}.gone{fill:#fff;stroke:#c8ccd2}"
        + string.Concat(Enumerable.Range(0, Shades + 1).Select(s => $".s{s}{{fill:{Palette.Blend(0xE6EAEF, 0x0072B2, (double)s / Shades)}}}"));

    private static double HeadsWidth(LayerOutline layer) => Cell * layer.Base.QueryHeads + (layer.Base.KeyValueHeads - 1) * 3;

    private static void DrawLayer(Svg svg, LayerOutline layer, int index, double y, double barLeft)
    {
        svg.Text(Left - 10, y + 11, $"{index}", "tick", Anchor.End);
        int group = layer.Base.QueryHeads / layer.Base.KeyValueHeads;
        var kept = layer.Kept.QueryHeads.ToHashSet();
        for (int h = 0; h < layer.Base.QueryHeads; h++)
            svg.Rect(Left + h * Cell + h / group * 3, y, Cell - 2, RowHeight - 6, kept.Contains(h) ? $"s{Shades}" : "gone", tip: $"head {h}: {(kept.Contains(h) ? "kept" : "removed")}");
        double[] shares = ChannelShares(layer, Segments);
        for (int i = 0; i < shares.Length; i++)
            svg.Rect(barLeft + i * BarWidth / shares.Length, y, BarWidth / shares.Length + 0.3, RowHeight - 6, $"s{(int)Math.Round(shares[i] * Shades)}");
        svg.Text(barLeft + BarWidth + 8, y + 11, $"{layer.Kept.Channels.Length} of {layer.Base.FfnWidth}", "tick");
    }

    /// <summary>The bar's cells from the first channel to the last: share of each that is kept.</summary>
    public static double[] ChannelShares(LayerOutline layer, int cells)
    {
        int width = layer.Base.FfnWidth;
        cells = Math.Min(cells, width);
        int[] kept = new int[cells], all = new int[cells];
        for (int channel = 0; channel < width; channel++)
            all[(long)channel * cells / width]++;
        foreach (int channel in layer.Kept.Channels)
            kept[(long)channel * cells / width]++;
        return [.. kept.Select((count, i) => (double)count / all[i])];
    }
}
