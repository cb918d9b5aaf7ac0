using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>The half-width figures: one or two lines over rounds, and a dot per participant where there is one.</summary>
internal static class RoundLines
{
    private sealed record Series(string Name, string Color, IReadOnlyList<(int Round, double Value)> Points);

    private const int RewardRounds = 5;

    public static Figure? Reward(RunReport run) => Draw(run, "Reward", "reward",
        $"What the policy learns from, in [0, 1]: a dot per participant, coloured by class, and each class's mean over the last {RewardRounds} rounds.",
        [.. run.Classes.Select(c => new Series("", run.ColorOf(c), RunningMeans(run, c)))],
        [.. run.Rounds.SelectMany(r => r.Participants.Select(p => (r.Round, p, p.Reward)))], Units.Significant);

    public static Figure? Loss(RunReport run) => Draw(run, "Loss on the devices' own data", "mean loss (nats)",
        "Mean over the round's participants, as each starts the round and as it ends it.",
        [
            new Series("before", Palette.Unpruned, Means(run, p => p.LossBefore)),
            new Series("after", Palette.Pruned, Means(run, p => p.LossAfter)),
        ], [], Units.Significant);

    public static Figure? Traffic(RunReport run)
    {
        double largest = run.Rounds.Select(r => Math.Max(r.Participants.Sum(p => p.BytesUp), r.Participants.Sum(p => p.BytesDown))).DefaultIfEmpty(0).Max();
        var (unit, size) = Units.ByteAxis(largest);
        var up = run.Rounds.Select(r => (r.Round, r.Participants.Sum(p => p.BytesUp) / size));
        var down = run.Rounds.Select(r => (r.Round, r.Participants.Sum(p => p.BytesDown) / size));
        return Draw(run, "Traffic", $"all participants ({unit} a round)",
            $"Adapters, heads and kept indices; the frozen base never travels. In all {Units.Bytes(run.Summary.BytesDown)} down and {Units.Bytes(run.Summary.BytesUp)} up.",
            [new Series("down", Palette.Unpruned, [.. down]), new Series("up", Palette.Pruned, [.. up])], [], v => $"{Units.Significant(v)} {unit}");
    }

    public static Figure? AggregationError(RunReport run) => Draw(run, "What separate averaging would get wrong", "Frobenius norm, all modules",
        "‖Σ pₖ (Bₖ − B̄)(Aₖ − Ā)‖: the error of averaging the factors A and B each on their own instead of their products.",
        [new Series("", Palette.Pruned, [.. run.Rounds.Select(r => (r.Round, r.AggregationError))])], [], Units.Significant);

    private static List<(int, double)> Means(RunReport run, Func<ParticipantRecord, double> value) =>
        [.. run.Rounds.Where(r => r.Participants.Count > 0).Select(r => (r.Round, r.Participants.Average(value)))];

    private static List<(int, double)> RunningMeans(RunReport run, string deviceClass) =>
    [
        .. run.Rounds.Select(r => (r.Round, Mean: run.Rounds.Where(o => o.Round <= r.Round && o.Round > r.Round - RewardRounds)
            .SelectMany(o => o.Participants).Where(p => p.Class == deviceClass).Select(p => p.Reward).DefaultIfEmpty(double.NaN).Average())),
    ];

    private static Figure? Draw(
        RunReport run, string title, string axis, string caption, IReadOnlyList<Series> series,
        IReadOnlyList<(int Round, ParticipantRecord Participant, double Value)> dots, Func<double?, string> format)
    {
        series = [.. series.Select(s => s with { Points = [.. s.Points.Where(p => double.IsFinite(p.Value))] }).Where(s => s.Points.Count > 0)];
        dots = [.. dots.Where(d => double.IsFinite(d.Value))];
        var values = series.SelectMany(s => s.Points).Select(p => p.Value).Concat(dots.Select(d => d.Value)).ToList();
        if (values.Count == 0)
            return null;
        var y = Scale.Nice(Math.Min(0, values.Min()), values.Max(), 4);
        var x = Scale.Whole(1, run.Rounds[^1].Round, 0.4, 8);
        double labels = series.Max(s => Svg.TextWidth(s.Name, bold: true)) + 8;
        const double height = 250, top = 34;
        double left = Frame.Gutter(y) + 4;
        var svg = new Svg(Figure.Half, height, title + " over rounds");
        var frame = new Frame(svg, left, top, Figure.Half - left - labels, height - top - 46, x, y);
        frame.DrawAxes("round", axis);
        if (dots.Count > 0 && run.Classes.Count <= 4)
            Labels.DrawLegend(svg, 70, top - 12, run.Classes.Select(c => (Svg.Shorten(c, 14), run.ColorOf(c))));
        foreach (var (round, participant, value) in dots)
        {
            svg.Dot(frame.X(round), frame.Y(value), 3, "dot", run.ColorOf(participant.Class),
                $"round {round}, device {participant.Device} ({participant.Class}): {format(value)}", dots.Count > 300 ? 0.3 : 0.65);
        }

        var ends = new List<EndLabel>();
        foreach (var one in series)
        {
            svg.Polyline(one.Points.Select(p => (frame.X(p.Round), frame.Y(p.Value))), "line", one.Color);
            if (one.Points.Count <= 40 && dots.Count == 0)
            {
                foreach (var (round, value) in one.Points)
                    svg.Dot(frame.X(round), frame.Y(value), 3, "dot", one.Color, $"round {round}{(one.Name.Length > 0 ? $", {one.Name}" : "")}: {format(value)}");
            }

            if (one.Name.Length > 0)
                ends.Add(new EndLabel(frame.Y(one.Points[^1].Value), one.Name, one.Color));
        }

        Labels.DrawEnds(svg, frame.Right + 6, frame.Top, frame.Bottom, ends);
        return new Figure(title, caption, svg.ToString());
    }
}
