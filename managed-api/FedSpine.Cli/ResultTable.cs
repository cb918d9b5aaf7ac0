using FedSpine.Federated.Reporting;
using Spectre.Console;

namespace FedSpine.Cli;

/// <summary>A run's result in a screenful: the report's headline table, and where the report is.</summary>
internal static class ResultTable
{
    public static void Write(IAnsiConsole console, RunSummary summary, string report)
    {
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn("");
        foreach (string name in new[] { "unpruned", "pruned", "change" })
            table.AddColumn(new TableColumn(name).RightAligned());
        foreach (var row in Headline.Rows(summary))
            table.AddRow(Markup.Escape(row.Quantity), row.Unpruned, $"[bold]{row.Pruned}[/]", row.Change);
        console.Write(table);

        var writer = console.Profile.Out.Writer;
        foreach (string line in Lines(summary))
            writer.WriteLine($"  {line}");
        writer.WriteLine($"  report: {report}");
    }

    private static IEnumerable<string> Lines(RunSummary s)
    {
        yield return s.Perplexity is null
            ? $"accuracy before tuning {Units.Percent(s.AccuracyBase)}; mean sparsity {Units.Percent(s.Sparsity)} of {Units.Percent(s.TargetSparsity)}"
            : $"perplexity before tuning {Units.Significant(s.PerplexityBase)}; mean sparsity {Units.Percent(s.Sparsity)} of {Units.Percent(s.TargetSparsity)}";
        if (Headline.Target(s) is { } target)
            yield return target;
        yield return $"wall time {Units.Duration(s.WallSeconds)}, peak memory {Units.Bytes(s.PeakRssBytes)}";
    }
}
