using FedSpine.Engine.Models;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>Query heads and FFN channels left per layer: a row per device class, its mean and range over devices before an outline of the unpruned layer.</summary>
internal static class SizesFigure
{
    private const double RowHeight = 182, Top = 58, Gap = 46;

    public static Figure? Draw(RunReport run)
    {
        int layers = run.Summary.QueryHeadsBefore.Count;
        var classes = run.Classes.Where(c => run.Devices.Any(d => d.Class == c)).ToList();
        if (layers == 0 || classes.Count == 0)
            return null;
        var svg = new Svg(Figure.Full, classes.Count * (RowHeight + 30), "Heads and channels left per layer and device class");
        double width = (Figure.Full - Gap) / 2;
        for (int c = 0; c < classes.Count; c++)
        {
            var devices = run.Devices.Where(d => d.Class == classes[c]).ToList();
            double top = c * (RowHeight + 30);
            string color = run.ColorOf(classes[c]);
            string left = $"{Svg.Shorten(classes[c], 24)}: {Units.Count(devices.Average(d => (double)d.Parameters))} of {Units.Count(run.Summary.ParametersBefore)} weights left";
            svg.Dot(5, top + 12, 5, "dot", color);
            svg.Text(15, top + 16, left, "key", tip: classes[c]);
            DrawBars(svg, 0, top, width, "query heads", run.Summary.QueryHeadsBefore, [.. devices.Select(d => d.QueryHeads)], color);
            DrawBars(svg, width + Gap, top, width, "FFN channels", run.Summary.FfnWidthsBefore, [.. devices.Select(d => d.FfnWidths)], color);
        }

        bool grouped = run.Summary.QueryHeadsBefore.Zip(run.Summary.KeyValueHeadsBefore).Any(p => p.First != p.Second);
        return new Figure("Sizes before and after",
            "Outline: the unpruned layer. Filled: what is left, mean over the class's devices; the whisker spans its devices."
            + (grouped ? " Query heads share key-value heads in groups; groups go as a whole or thin out evenly." : ""), svg.ToString());
    }

    /// <summary>One model's heads and channels per layer, before an outline of the unpruned ones.</summary>
    public static Figure OfModel(IReadOnlyList<(LayerSpec Base, LayerSpec Present)> layers)
    {
        var svg = new Svg(Figure.Full, RowHeight, "Heads and channels left per layer");
        double width = (Figure.Full - Gap) / 2;
        DrawBars(svg, 0, 0, width, "query heads", [.. layers.Select(l => l.Base.QueryHeads)], [[.. layers.Select(l => l.Present.QueryHeads)]], Palette.Pruned);
        DrawBars(svg, width + Gap, 0, width, "FFN channels", [.. layers.Select(l => l.Base.FfnWidth)], [[.. layers.Select(l => l.Present.FfnWidth)]], Palette.Pruned);
        return new Figure("Layers", "Outline: the unpruned layer. Filled: what is left.", svg.ToString());
    }

    private static void DrawBars(
        Svg svg, double left, double top, double width, string title, IReadOnlyList<int> before, IReadOnlyList<IReadOnlyList<int>> after, string color)
    {
        int layers = before.Count;
        var y = Scale.Nice(0, Math.Max(1, before.Max()), 3);
        var x = Scale.Whole(0, layers - 1, 0.5, 12);
        double gutter = Frame.Gutter(y) + 4;
        var frame = new Frame(svg, left + gutter, top + Top, width - gutter, RowHeight - Top - 22, x, y);
        frame.DrawAxes("", "");
        svg.Text(frame.Left, frame.Top - 22, title, "title");
        svg.Text(frame.Right, frame.Bottom + 34, "layer", "tick", Anchor.End);
        double step = frame.X(1) - frame.X(0), bar = Math.Min(46, step * 0.72);
        for (int layer = 0; layer < layers; layer++)
        {
            double at = frame.X(layer);
            svg.Rect(at - bar / 2, frame.Y(before[layer]), bar, frame.Bottom - frame.Y(before[layer]), "outline");
            var kept = after.Where(a => a.Count > layer).Select(a => a[layer]).ToList();
            if (kept.Count == 0)
                continue;
            double mean = kept.Average();
            string tip = $"layer {layer}: {Units.Number(mean, 1)} of {before[layer]} {title} left in the mean, {kept.Min()} to {kept.Max()}";
            svg.Rect(at - bar / 2, frame.Y(mean), bar, frame.Bottom - frame.Y(mean), "bar", color, tip);
            if (kept.Min() < kept.Max())
                svg.Line(at, frame.Y(kept.Min()), at, frame.Y(kept.Max()), "whisker");
            string label = mean >= 100 || mean == Math.Round(mean) ? Units.Number(mean, 0) : Units.Number(mean, 1);
            if (bar >= Svg.TextWidth(label, 11) + 2)
                svg.Text(at, Math.Min(frame.Y(mean), frame.Y(kept.Max())) - 4, label, "barlabel", Anchor.Middle);
        }
    }
}
