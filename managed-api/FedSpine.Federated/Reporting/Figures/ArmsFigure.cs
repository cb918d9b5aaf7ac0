using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>The bandit's leaves at the end: boxes in (ratio, rank), coloured by mean reward, with how often each was played.</summary>
internal static class ArmsFigure
{
    private const int Columns = 4, MostPanels = 12;
    private const double PanelHeight = 250, Top = 48, Gap = 18;

    public static Figure? Draw(RunReport run)
    {
        var withArms = run.Devices.Where(d => d.Arms.Count > 0).ToList();
        if (withArms.Count == 0)
            return null;
        var shown = Choose(run, withArms);
        var arms = shown.SelectMany(d => d.Arms).ToList();
        var played = arms.Where(a => a.Plays > 0 && double.IsFinite(a.MeanReward)).Select(a => a.MeanReward).ToList();
        double low = played.DefaultIfEmpty(0).Min(), high = played.DefaultIfEmpty(1).Max();
        var x = Scale.Exact(arms.Min(a => a.RatioLow) * 100, arms.Max(a => a.RatioHigh) * 100, 5);
        var y = Scale.Log2(Rank(arms.Min(a => a.RankLow)), Rank(arms.Max(a => a.RankHigh)));

        int columns = Math.Min(Columns, shown.Count), rows = (shown.Count + columns - 1) / columns;
        double width = Math.Min(420, (Figure.Full - Gap * (columns - 1)) / columns), head = 44;
        var svg = new Svg(Figure.Full, head + rows * PanelHeight, "Arms of the bandit");
        if (played.Count > 0)
            Palette.DrawRamp(svg, Figure.Full - 170, 6, 160, "mean reward", Units.Significant(low), Units.Significant(high));
        for (int i = 0; i < shown.Count; i++)
        {
            double left = i % columns * (width + Gap), top = head + i / columns * PanelHeight;
            double gutter = Frame.Gutter(y) + 4;
            var frame = new Frame(svg, left + gutter, top + Top, width - gutter - 12, PanelHeight - Top - 52, x, y);
            DrawPanel(svg, frame, run, shown[i], left, top, low, high);
        }

        string which = shown.Count < withArms.Count ? $" {shown.Count} of {withArms.Count} devices are shown, the most played of each class." : "";
        return new Figure("Arms of the bandit",
            "A box is a range of ratios and ranks; s-ucb and e-ucb split theirs where they are played. The number is its count of plays, discounted where the policy does. "
            + $"Hatched: behind the device's present ratio, no longer to be had.{which}", svg.ToString());
    }

    /// <summary>All when few; else the most played ones, evenly from every class.</summary>
    private static List<DeviceRecord> Choose(RunReport run, List<DeviceRecord> devices)
    {
        if (devices.Count <= MostPanels)
            return devices;
        int each = Math.Max(1, MostPanels / run.Classes.Count);
        return [.. devices.GroupBy(d => d.Class).OrderBy(g => g.Key, StringComparer.Ordinal)
            .SelectMany(g => g.OrderByDescending(d => d.RoundsPlayed).ThenBy(d => d.Device).Take(each)).Take(MostPanels)];
    }

    private static void DrawPanel(Svg svg, Frame frame, RunReport run, DeviceRecord device, double left, double top, double low, double high)
    {
        string name = $"device {device.Device}, {device.Class}";
        Labels.DrawLegend(svg, left, top + 12, [(name, run.ColorOf(device.Class))]);
        frame.DrawAxes("ratio (%)", "");
        svg.Text(left, frame.Top - 14, "rank", "title");
        foreach (var arm in device.Arms)
            DrawArm(svg, frame, arm, low, high);
    }

    private static void DrawArm(Svg svg, Frame frame, ArmStatistics arm, double low, double high)
    {
        double x = frame.X(arm.RatioLow * 100), y = frame.Y(Rank(arm.RankHigh));
        double width = Math.Max(1, frame.X(arm.RatioHigh * 100) - x), height = Math.Max(1, frame.Y(Rank(arm.RankLow)) - y);
        bool played = arm.Plays > 0 && double.IsFinite(arm.MeanReward);
        string tip = $"ratio {Units.Percent(arm.RatioLow)} to {Units.Percent(arm.RatioHigh)}, rank {Units.Significant(arm.RankLow)} to {Units.Significant(arm.RankHigh)}: "
            + (played ? $"mean reward {Units.Significant(arm.MeanReward)}, {Units.Number(arm.Plays, 1)} plays" : "not played")
            + $", depth {arm.Depth}{(arm.Masked ? ", masked" : "")}";
        var (fill, ink) = Palette.Amount(high > low ? (arm.MeanReward - low) / (high - low) : 0.5);
        svg.Rect(x, y, width, height, played ? "box" : "box empty", played ? fill : null, tip);
        if (arm.Masked)
            svg.Rect(x, y, width, height, "masked", tip: tip);
        string plays = Units.Number(arm.Plays, arm.Plays >= 9.95 ? 0 : 1);
        if (played && !arm.Masked && width >= Svg.TextWidth(plays, 11) + 4 && height >= 14)
            svg.Text(x + width / 2, y + height / 2 + 4, plays, "incell", Anchor.Middle, ink);
    }

    private static double Rank(double rank) => double.IsFinite(rank) ? Math.Max(rank, 0.5) : 1;
}
