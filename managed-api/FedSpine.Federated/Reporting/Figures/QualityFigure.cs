using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>Accuracy or perplexity over virtual time, of the pruned models and of the unpruned reference.</summary>
internal static class QualityFigure
{
    public static Figure? Draw(RunReport run)
    {
        bool perplexity = run.IsPerplexity;
        double unit = perplexity ? 1 : 100;
        double? start = perplexity ? run.Summary.PerplexityBase : run.Summary.AccuracyBase;
        var pruned = Curve(run.Rounds.Select(r => (r.Round, r.VirtualSeconds, (perplexity ? r.Perplexity : r.Accuracy) * unit)), start * unit);
        var reference = Curve(run.Summary.Unpruned.Select(p => (p.Round, p.VirtualSeconds, (double?)p.Value * unit)), start * unit);
        if (pruned.Count(p => p.Round > 0) == 0)
            return null;
        if (reference.All(p => p.Round == 0))
            reference = [];

        double? goal = Finite(run.Summary.TargetAccuracy * unit);
        var values = pruned.Concat(reference).Select(p => p.Value).Concat(goal is { } g ? [g] : []).ToList();
        double low = values.Min(), high = values.Max();
        var y = perplexity && low > 0 && high / low > 8 ? Scale.Log10(low, high) : Scale.Nice(low, high);
        double end = pruned.Concat(reference).Max(p => p.Seconds);
        var (timeUnit, seconds) = Units.TimeAxis(end);
        var x = Scale.Exact(0, Math.Max(end / seconds, 1e-6), 8);

        const double height = 360, top = 46;
        var svg = new Svg(Figure.Full, height, $"{(perplexity ? "Perplexity" : "Accuracy")} over virtual time");
        double left = Frame.Gutter(y) + 4;
        var frame = new Frame(svg, left, top, Figure.Full - left - 150, height - top - 52, x, y);
        frame.DrawAxes($"virtual time ({timeUnit})", perplexity ? "perplexity, test set (lower is better)" : "accuracy, test set (%)");
        var ends = new List<EndLabel>();
        if (goal is { } at)
        {
            svg.Line(frame.Left, frame.Y(at), frame.Right, frame.Y(at), "goal");
            ends.Add(new EndLabel(frame.Y(at), $"target {Text(at, perplexity)}", "var(--soft)"));
            if (run.Summary.VirtualSecondsToTarget is { } reached && reached <= end)
            {
                svg.Line(frame.X(reached / seconds), frame.Y(at), frame.X(reached / seconds), frame.Bottom, "goal");
                bool rightmost = reached > end * 0.8;
                svg.Text(frame.X(reached / seconds) + (rightmost ? -5 : 5), frame.Bottom - 7, $"reached after {Units.Duration(reached)}", "note",
                    rightmost ? Anchor.End : Anchor.Start);
            }
        }

        DrawCurve(svg, frame, reference, seconds, "unpruned", Palette.Unpruned, perplexity, ends);
        DrawCurve(svg, frame, pruned, seconds, "pruned", Palette.Pruned, perplexity, ends);
        Labels.DrawEnds(svg, frame.Right + 14, frame.Top, frame.Bottom, ends);

        string caption = run.HasReference
            ? $"The unpruned reference took the same rounds in {Units.Duration(run.Summary.VirtualSecondsUnpruned)}, the pruned run in {Units.Duration(run.Summary.VirtualSeconds)}. "
            : "The unpruned reference was not run. ";
        caption += $"Between rounds at most {run.Options.EvaluateExamples} test examples are used; the table above uses all of them.";
        return new Figure($"{(perplexity ? "Perplexity" : "Accuracy")} over virtual time", caption, svg.ToString());
    }

    private static List<(int Round, double Seconds, double Value)> Curve(IEnumerable<(int Round, double Seconds, double? Value)> points, double? start) =>
        [.. points.Prepend((0, 0, start)).Where(p => Finite(p.Item3) is not null && double.IsFinite(p.Item2)).Select(p => (p.Item1, p.Item2, p.Item3!.Value))];

    private static void DrawCurve(
        Svg svg, Frame frame, List<(int Round, double Seconds, double Value)> points, double seconds, string name, string color, bool perplexity, List<EndLabel> ends)
    {
        if (points.Count == 0)
            return;
        svg.Polyline(points.Select(p => (frame.X(p.Seconds / seconds), frame.Y(p.Value))), name == "pruned" ? "line strong" : "line dashed", color);
        foreach (var point in points)
        {
            string when = point.Round == 0 ? "before tuning" : $"after round {point.Round}, {Units.Duration(point.Seconds)}";
            svg.Dot(frame.X(point.Seconds / seconds), frame.Y(point.Value), 4, "dot", color, $"{name} {when}: {Text(point.Value, perplexity)}");
        }

        var (x, y, label) = (frame.X(points[^1].Seconds / seconds), frame.Y(points[^1].Value), $"{name} {Text(points[^1].Value, perplexity)}");
        bool falls = points.Count > 1 && points[^1].Value < points[^2].Value; // the label stays clear of the line's last stretch
        if (frame.Right - x < 90)
            ends.Add(new EndLabel(y, label, color));
        else
            svg.Text(x, falls ? Math.Min(y + 22, frame.Bottom - 6) : Math.Max(y - 12, frame.Top + 10), label, "endlabel halo", x - frame.Left < 60 ? Anchor.Start : Anchor.Middle, color);
    }

    private static string Text(double value, bool perplexity) => perplexity ? Units.Significant(value) : $"{Units.Number(value, 1)} %";

    private static double? Finite(double? value) => value is { } v && double.IsFinite(v) ? v : null;
}
