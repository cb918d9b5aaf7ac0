namespace FedSpine.Federated.Reporting.Plots;

/// <summary>A label beside a line's end.</summary>
internal sealed record EndLabel(double Y, string Text, string Color);

internal static class Labels
{
    /// <summary>Writes the labels at <paramref name="x"/>, moved apart so that none overlaps, in the order of their heights.</summary>
    public static void DrawEnds(Svg svg, double x, double top, double bottom, IReadOnlyList<EndLabel> labels, double spacing = 15)
    {
        var sorted = labels.OrderBy(l => l.Y).ToList();
        var at = sorted.Select(l => l.Y).ToArray();
        for (int i = 0; i < at.Length; i++)
            at[i] = Math.Max(at[i], i == 0 ? top : at[i - 1] + spacing);
        for (int i = at.Length - 1; i >= 0; i--)
            at[i] = Math.Min(at[i], i == at.Length - 1 ? bottom : at[i + 1] - spacing);
        for (int i = 0; i < at.Length; i++)
            svg.Text(x, at[i] + 4, sorted[i].Text, "endlabel", color: sorted[i].Color);
    }

    /// <summary>A row of coloured names; returns where it ends.</summary>
    public static double DrawLegend(Svg svg, double x, double y, IEnumerable<(string Name, string Color)> entries)
    {
        foreach (var (name, color) in entries)
        {
            string text = Svg.Shorten(name, 36);
            svg.Dot(x + 5, y - 4, 5, "dot", color);
            svg.Text(x + 15, y, text, "key", tip: text == name ? null : name);
            x += 15 + Svg.TextWidth(text) + 18;
        }

        return x;
    }
}
