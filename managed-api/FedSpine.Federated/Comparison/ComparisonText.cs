using System.Text;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Comparison;

/// <summary>The comparison as tables in words and figures, the same in table.md, on a terminal and in the report.</summary>
public static class ComparisonText
{
    public static IReadOnlyList<string> RowHeads { get; } =
        ["", "quality", "sparsity", "time to common", "bytes to common", "time over first", "inference", "training memory", "its peak", "virtual time"];

    public static IReadOnlyList<string> PairHeads { get; } = ["", "difference", "95 % interval", "pairs", "speed-up", "of the two", "in words"];

    public static IReadOnlyList<string> Cells(ComparisonRow r) =>
    [
        r.Variant,
        Quality(r),
        Units.Percent(r.Sparsity, 0), Units.Duration(r.SecondsToCommon), Units.Bytes(r.BytesToCommon), Times(r.TimeOverFirst),
        Units.Number(r.InferenceTimeRatio, 2), Units.Number(r.TrainingMemoryRatio, 2), Units.Number(r.TrainingMemoryPeakRatio, 2), Units.Duration(r.VirtualSeconds),
    ];

    public static IReadOnlyList<string> Cells(ComparisonPair p) =>
    [
        p.Other, Signed(p.Difference), p.Low is null ? Units.Missing : $"{Signed(p.Low)} to {Signed(p.High)}", p.Pairs.ToString(), Times(p.Speedup), Times(p.SpeedupOfTwo), p.Words,
    ];

    public static string Explanation(ComparisonSummary s) =>
        $"Quality: accuracy on the whole test set, mean over devices, mean and standard deviation over seeds (language models: perplexity; points are per cent of it, by its logarithm). "
        + "Common: the highest quality between rounds that every variant reaches with the same data and seed; time and bytes until a run first had it, evaluated after rounds. "
        + "Inference and training memory: measured on the pruned models over the unpruned one; the peak is the largest of the whole run, scoring included. "
        + $"Differences: {s.First} less the other, points, over pairs of the same data set and seed; 95 % interval of their mean by the paired t test. "
        + "Speed-up: the other's virtual time over the first's, geometric mean, to the quality that all variants reach, and that the two reach.";

    public static string ToMarkdown(ComparisonSummary s)
    {
        var text = new StringBuilder();
        text.Append($"{s.FinishedCells} of {s.Cells} runs, seeds {string.Join(", ", s.Seeds)}, {Units.Duration(s.WallSeconds)} of computing.\n");
        foreach (var rows in s.Rows.GroupBy(r => r.DataSet))
        {
            text.Append($"\n## {rows.Key}\n{Common(rows.First())}\n");
            Append(text, RowHeads, rows.Select(Cells));
        }

        if (s.Pairs.Any(p => p.Pairs > 0))
        {
            text.Append($"\n## {s.First} beside the others\n\n");
            Append(text, PairHeads, s.Pairs.Select(Cells));
        }

        return text.Append($"\n{Explanation(s)}\n").ToString();
    }

    private static void Append(StringBuilder text, IReadOnlyList<string> heads, IEnumerable<IReadOnlyList<string>> rows)
    {
        text.Append($"| {string.Join(" | ", heads)} |\n|{string.Concat(heads.Select((_, i) => i == 0 ? "---|" : "---:|"))}\n");
        foreach (var row in rows)
            text.Append($"| {string.Join(" | ", row)} |\n");
    }

    private static string Quality(ComparisonRow r) => r.Perplexity is { } perplexity
        ? Units.Significant(perplexity) + (r.Deviation is { } share ? $" ± {Units.Number(share, 1)} %" : "")
        : $"{Units.Number(r.Quality, 1)} %" + (r.Deviation is { } points ? $" ± {Units.Number(points, 1)}" : "");

    private static string Common(ComparisonRow r) => r.Common is not { } common ? ""
        : r.Perplexity is null ? $"Common accuracy: {Units.Number(common, 1)} %.\n"
        : $"Common perplexity: {Units.Significant(ComparisonResults.Perplexity(common))}.\n";

    private static string Times(double? ratio) => ratio is null ? Units.Missing : $"{Units.Number(ratio, 2)} ×";

    private static string Signed(double? points) => points is { } p && double.IsFinite(p) ? $"{(p < 0 ? "−" : "+")}{Units.Number(Math.Abs(p), 2)}" : Units.Missing;
}
