using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>How long each participant took, round by round; the slowest, which the round waits for, is marked.</summary>
internal static class RoundTimeFigure
{
    public static Figure? Draw(RunReport run)
    {
        var rounds = run.Rounds.Where(r => double.IsFinite(r.RoundSeconds) && r.Participants.Count > 0).ToList();
        if (rounds.Count == 0)
            return null;
        double longest = rounds.Max(r => r.RoundSeconds);
        var (unit, seconds) = Units.TimeAxis(longest);
        var y = Scale.Nice(0, longest / seconds);
        var x = Scale.Whole(1, rounds[^1].Round, 0.6, 16);
        const double height = 340, top = 66;
        double left = Frame.Gutter(y) + 4;
        var svg = new Svg(Figure.Full, height, "Time of each round with its slowest device");
        var frame = new Frame(svg, left, top, Figure.Full - left - 4, height - top - 48, x, y);
        Labels.DrawLegend(svg, 0, 16, run.Classes.Select(c => (c, run.ColorOf(c))));
        frame.DrawAxes("round", $"virtual time of a participant ({unit})");

        double step = frame.X(2) - frame.X(1);
        int participants = rounds.Max(r => r.Participants.Count);
        foreach (var round in rounds)
        {
            double at = frame.X(round.Round);
            var timed = round.Participants.Where(p => double.IsFinite(p.Seconds)).ToList();
            if (timed.Count > 0)
                svg.Line(at, frame.Y(timed.Min(p => p.Seconds) / seconds), at, frame.Y(timed.Max(p => p.Seconds) / seconds), "range");
            foreach (var participant in timed.OrderBy(p => p.Device == round.SlowestDevice))
            {
                bool slowest = participant.Device == round.SlowestDevice;
                double radius = slowest ? Math.Clamp(step / 4, 3, 6.5) : Math.Clamp(step / 8, 1.5, 3.5);
                string tip = $"round {round.Round}, device {participant.Device} ({participant.Class}){(slowest ? ", the slowest" : "")}: {Units.Duration(participant.Seconds)} "
                    + $"= download {Units.Duration(participant.DownloadSeconds)} + compute {Units.Duration(participant.ComputeSeconds)} + upload {Units.Duration(participant.UploadSeconds)}";
                double opacity = slowest ? 1 : participants > 20 ? 0.45 : 0.75;
                svg.Dot(at, frame.Y(participant.Seconds / seconds), radius, slowest ? "dot ring" : "dot", run.ColorOf(participant.Class), tip, opacity);
            }

            if (step >= 24)
                svg.Text(at, frame.Y(round.RoundSeconds / seconds) - 10, $"{round.SlowestDevice}", "endlabel", Anchor.Middle, run.ColorOf(run.ClassOf(round.SlowestDevice)));
        }

        return new Figure("Round time and its slowest device", Caption(run, rounds, step >= 24), svg.ToString());
    }

    private static string Caption(RunReport run, List<RoundRecord> rounds, bool labelled)
    {
        var slowest = rounds.GroupBy(r => run.ClassOf(r.SlowestDevice)).OrderByDescending(g => g.Count()).Select(g => $"{g.Key} {g.Count()}");
        var waits = rounds.Where(r => r.RoundSeconds > 0)
            .SelectMany(r => r.Participants.Where(p => double.IsFinite(p.Seconds)).Select(p => 1 - p.Seconds / r.RoundSeconds)).ToList();
        string wait = waits.Count > 0 ? $" A participant waited on average {Units.Percent(waits.Average(), 0)} of the round for it." : "";
        return $"A dot is a participant; the large one is the slowest{(labelled ? ", with its device number" : "")}: the round ends with it. "
            + $"The slowest, by rounds: {string.Join(", ", slowest)}.{wait}";
    }
}
