using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>Each device's pruning ratio at the end of every round: one panel per device class.</summary>
internal static class RatioFigure
{
    private const double PanelHeight = 250, Top = 56, Gap = 20;

    /// <summary>Classes with more devices than this get a bold mean, and no label per line.</summary>
    private const int MostLabelled = 6;

    public static Figure? Draw(RunReport run)
    {
        var rounds = run.Rounds.Where(r => r.Sparsity.Count > 0).ToList();
        if (rounds.Count == 0 || run.Classes.Count == 0)
            return null;
        double target = run.Summary.TargetSparsity;
        double highest = Math.Max(target, rounds.Max(r => r.Sparsity.Where(double.IsFinite).DefaultIfEmpty(0).Max()));
        var y = Scale.Nice(0, Math.Max(highest * 100, 1));
        var x = Scale.Whole(0, rounds[^1].Round, 0, 6);

        int columns = Math.Min(run.Classes.Count, run.Classes.Count == 4 ? 2 : 3);
        int rows = (run.Classes.Count + columns - 1) / columns;
        double gutter = Frame.Gutter(y) + 4, labels = 44;
        double width = Math.Min(520, (Figure.Full - Gap * (columns - 1)) / columns);
        var svg = new Svg(Figure.Full, rows * PanelHeight + (rows - 1) * 10, "Pruning ratio of each device over rounds");
        for (int c = 0; c < run.Classes.Count; c++)
        {
            double left = c % columns * (width + Gap), top = c / columns * (PanelHeight + 10);
            var frame = new Frame(svg, left + gutter, top + Top, width - gutter - labels, PanelHeight - Top - 48, x, y);
            DrawPanel(svg, frame, run, rounds, run.Classes[c], left, top, target);
        }

        double mean = run.Summary.Sparsity;
        return new Figure("Pruning ratio of each device",
            $"Share of the blocks' weights that a device has lost by the end of a round; it can only grow, and moves when the device takes part. "
            + $"The mean over devices ended at {Units.Percent(mean)}, the target is {Units.Percent(target)}.", svg.ToString());
    }

    private static void DrawPanel(Svg svg, Frame frame, RunReport run, List<RoundRecord> rounds, string deviceClass, double left, double top, double target)
    {
        int[] members = [.. run.DevicesByClass.Where(d => run.ClassOf(d) == deviceClass && d < rounds[0].Sparsity.Count)];
        string color = run.ColorOf(deviceClass);
        Labels.DrawLegend(svg, left, top + 16, [($"{Svg.Shorten(deviceClass, 22)} ({members.Length} device{(members.Length == 1 ? "" : "s")})", color)]);
        frame.DrawAxes("round", "ratio (%)");
        svg.Line(frame.Left, frame.Y(target * 100), frame.Right, frame.Y(target * 100), "goal");

        bool many = members.Length > MostLabelled;
        double opacity = many ? Math.Clamp(6.0 / members.Length, 0.18, 0.8) : 1;
        var ends = new List<EndLabel>();
        foreach (int device in members)
        {
            var points = rounds.Select(r => (frame.X(r.Round), frame.Y(Clean(r.Sparsity[device]) * 100))).Prepend((frame.X(0), frame.Y(0))).ToList();
            svg.Polyline(points, "line", color, $"device {device} ({deviceClass}): {Units.Percent(rounds[^1].Sparsity[device])} after round {rounds[^1].Round}", opacity);
            ends.Add(new EndLabel(points[^1].Item2, $"{device}", color));
        }

        if (many)
        {
            var mean = rounds.Select(r => (frame.X(r.Round), frame.Y(members.Average(d => Clean(r.Sparsity[d])) * 100))).Prepend((frame.X(0), frame.Y(0))).ToList();
            svg.Polyline(mean, "line strong", color, $"mean of {deviceClass}");
            svg.Text(mean[^1].Item1 + 5, mean[^1].Item2 + 4, "mean", "endlabel", color: color);
        }
        else
        {
            Labels.DrawEnds(svg, frame.Right + 5, frame.Top, frame.Bottom, ends, 13);
        }
    }

    private static double Clean(double ratio) => double.IsFinite(ratio) ? ratio : 0;
}
