using System.Text;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting;

/// <summary>A row of the headline table: a quantity of the unpruned adapter and of the pruned models, and what became of it.</summary>
public sealed record HeadlineRow(string Quantity, string Unpruned, string Pruned, string Change);

/// <summary>The run in a few figures, the same in the report and on a terminal.</summary>
public static class Headline
{
    /// <summary>Quality, sizes, speed, virtual time and traffic, unpruned beside pruned.</summary>
    public static IReadOnlyList<HeadlineRow> Rows(RunSummary s)
    {
        var rows = new List<HeadlineRow>();
        if (s.Perplexity is not null)
            rows.Add(new("Perplexity", Units.Significant(s.PerplexityUnpruned), Units.Significant(s.Perplexity), Relative(s.Perplexity, s.PerplexityUnpruned)));
        else
            rows.Add(new("Accuracy", Units.Percent(s.AccuracyUnpruned), Units.Percent(s.Accuracy), Points(s.Accuracy, s.AccuracyUnpruned)));
        rows.Add(new("Weights", Units.Count(s.ParametersBefore), Units.Count(s.ParametersAfter), Relative(s.ParametersAfter, s.ParametersBefore)));
        rows.Add(new("of them prunable", Units.Count(s.PrunableBefore), Units.Count(s.PrunableAfter), Relative(s.PrunableAfter, s.PrunableBefore)));
        rows.Add(new("Inference time, measured", "1", Units.Number(s.InferenceTimeRatio, 2), Relative(s.InferenceTimeRatio, 1)));
        rows.Add(new("FLOPs of a training step", "1", Units.Number(s.TrainingFlopsRatio, 2), Relative(s.TrainingFlopsRatio, 1)));
        rows.Add(new("Memory of a training step", Units.Bytes(s.TrainingBytesUnpruned), Units.Bytes(s.TrainingBytes), Relative(s.TrainingBytes, s.TrainingBytesUnpruned)));
        rows.Add(new("Virtual time", Units.Duration(s.VirtualSecondsUnpruned), Units.Duration(s.VirtualSeconds), Relative(s.VirtualSeconds, s.VirtualSecondsUnpruned)));
        rows.Add(new("Bytes down", Units.Bytes(s.BytesDownUnpruned), Units.Bytes(s.BytesDown), Relative(s.BytesDown, s.BytesDownUnpruned)));
        rows.Add(new("Bytes up", Units.Bytes(s.BytesUpUnpruned), Units.Bytes(s.BytesUp), Relative(s.BytesUp, s.BytesUpUnpruned)));
        return rows;
    }

    /// <summary>Whether and when the target accuracy or perplexity was reached; null without a target.</summary>
    public static string? Target(RunSummary s)
    {
        if (s.TargetAccuracy is null)
            return null;
        string goal = s.Perplexity is null ? $"accuracy {Units.Percent(s.TargetAccuracy)}" : $"perplexity {Units.Significant(s.TargetAccuracy)}";
        return $"target {goal} {(s.VirtualSecondsToTarget is { } t ? $"reached after {Units.Duration(t)} of virtual time" : "not reached")}";
    }

    internal static string ToHtml(RunSummary s)
    {
        var html = new StringBuilder("<div class=\"tiles\">");
        if (s.Perplexity is not null)
            Tile(html, Units.Significant(s.Perplexity), "perplexity", $"unpruned {Units.Significant(s.PerplexityUnpruned)}, before tuning {Units.Significant(s.PerplexityBase)}");
        else
            Tile(html, Units.Percent(s.Accuracy), "accuracy", $"unpruned {Units.Percent(s.AccuracyUnpruned)}, before tuning {Units.Percent(s.AccuracyBase)}");
        Tile(html, Units.Percent(s.Sparsity), "of block weights removed", $"target {Units.Percent(s.TargetSparsity)}, mean over {s.Devices} device{(s.Devices == 1 ? "" : "s")}");
        Tile(html, $"{Units.Number(s.InferenceTimeRatio, 2)} ×", "inference time", "pruned over unpruned, measured");
        Tile(html, Units.Duration(s.VirtualSeconds), "virtual time", (s.VirtualSecondsUnpruned is null ? "" : $"unpruned {Units.Duration(s.VirtualSecondsUnpruned)}, ") + (s.Rounds == 1 ? "1 round" : $"{s.Rounds} rounds"));
        html.Append("</div><div class=\"scroll\"><table class=\"headline\"><thead><tr><th></th><th>unpruned</th><th>pruned</th><th>change</th></tr></thead><tbody>");
        foreach (var row in Rows(s))
        {
            html.Append($"<tr><th scope=\"row\">{Svg.Escape(row.Quantity)}</th><td>{Svg.Escape(row.Unpruned)}</td><td>{Svg.Escape(row.Pruned)}</td><td>{Svg.Escape(row.Change)}</td></tr>");
        }

        return html.Append("</tbody></table></div>").ToString();
    }

    private static void Tile(StringBuilder html, string figure, string name, string detail) =>
        html.Append($"<div class=\"tile\"><b>{Svg.Escape(figure)}</b><span>{Svg.Escape(name)}</span><small>{Svg.Escape(detail)}</small></div>");

    private static string Points(double? now, double? before) => Signed((now - before) * 100, 1) is var d && d != Units.Missing ? $"{d} points" : Units.Missing;

    private static string Relative(double? now, double? before) =>
        before is > 0 && Signed((now / before - 1) * 100, 1) is var d && d != Units.Missing ? $"{d} %" : Units.Missing;

    private static string Signed(double? value, int decimals) => Units.Number(value is { } v ? Math.Abs(v) : null, decimals) switch
    {
        Units.Missing => Units.Missing,
        var text when double.Parse(text, System.Globalization.CultureInfo.InvariantCulture) == 0 => text,
        var text => (value < 0 ? "−" : "+") + text,
    };
}
