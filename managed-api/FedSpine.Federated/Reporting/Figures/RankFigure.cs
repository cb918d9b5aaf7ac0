using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>The LoRA rank of each device in each round it took part in: a grid of devices by rounds, grouped by class.</summary>
internal static class RankFigure
{
    /// <summary>Above this many cells the tips are left out: the page would be megabytes.</summary>
    private const int MostTips = 6000;

    public static Figure? Draw(RunReport run)
    {
        int[] devices = [.. run.DevicesByClass];
        var cells = run.Rounds.SelectMany(r => r.Participants.Select(p => (r.Round, Participant: p))).Where(c => c.Participant.Rank > 0).ToList();
        if (cells.Count == 0)
            return null;
        int lastRound = run.Rounds[^1].Round;
        double low = Math.Log2(cells.Min(c => c.Participant.Rank)), high = Math.Log2(cells.Max(c => c.Participant.Rank));
        double rowHeight = devices.Length switch { <= 12 => 24, <= 30 => 17, _ => 9 };
        double left = 30 + Math.Min(22, run.Classes.Max(c => c.Length)) * 7, top = 52;
        double cellWidth = Math.Min(60, (Figure.Full - left - 12) / lastRound);
        bool numbers = cellWidth >= 18 && rowHeight >= 15, deviceNumbers = rowHeight >= 11;
        double gap = cellWidth > 6 ? 2 : 0.3, classGap = 6;
        double height = top + devices.Length * rowHeight + (run.Classes.Count - 1) * classGap + 42;

        var svg = new Svg(Figure.Full, height, "LoRA rank of each device over rounds");
        if (high > low)
            Palette.DrawRamp(svg, Figure.Full - 170, 6, 160, "rank", $"{Math.Pow(2, low):0}", $"{Math.Pow(2, high):0}");
        var rowOf = new Dictionary<int, double>();
        double y = top;
        string? open = null;
        for (int i = 0; i < devices.Length; i++)
        {
            string deviceClass = run.ClassOf(devices[i]);
            if (open is not null && open != deviceClass)
                y += classGap;
            if (open != deviceClass)
            {
                int count = devices.Count(d => run.ClassOf(d) == deviceClass);
                svg.Rect(left - 5, y, 3, count * rowHeight - 1, "fill", run.ColorOf(deviceClass));
                svg.Text(0, y + Math.Max(12, Math.Min(count * rowHeight / 2 + 4, 40)), Svg.Shorten(deviceClass, 22), "key", tip: deviceClass);
            }

            open = deviceClass;
            if (deviceNumbers)
                svg.Text(left - 10, y + rowHeight / 2 + 4, $"{devices[i]}", "tick", Anchor.End);
            rowOf[devices[i]] = y;
            y += rowHeight;
        }

        foreach (var (round, participant) in cells)
        {
            double x = left + (round - 1) * cellWidth, row = rowOf[participant.Device];
            var (fill, ink) = Palette.Amount(high > low ? (Math.Log2(participant.Rank) - low) / (high - low) : 0.5);
            string? tip = cells.Count <= MostTips
                ? $"device {participant.Device} ({participant.Class}), round {round}: rank {participant.Rank}, ratio {Units.Percent(participant.RatioReached)}" : null;
            svg.Rect(x, row, cellWidth - gap, rowHeight - Math.Min(gap, 1.5), "fill", fill, tip);
            if (numbers)
                svg.Text(x + (cellWidth - gap) / 2, row + rowHeight / 2 + 3.5, $"{participant.Rank}", "incell", Anchor.Middle, ink);
        }

        var axis = Scale.Whole(1, lastRound, 0.5, 12);
        foreach (double tick in axis.Ticks)
            svg.Text(left + (tick - 0.5) * cellWidth - gap / 2, y + 16, axis.Format(tick), "tick", Anchor.Middle);
        svg.Text(left + lastRound * cellWidth / 2, y + 36, "round", "title", Anchor.Middle);
        svg.Text(left - 5, top - 12, deviceNumbers ? "device" : "a row per device", "title", deviceNumbers ? Anchor.End : Anchor.Start);
        return new Figure("LoRA rank of each device",
            "A cell is a round that the device took part in; its colour is the rank that the policy chose. Empty: not sampled.", svg.ToString());
    }
}
