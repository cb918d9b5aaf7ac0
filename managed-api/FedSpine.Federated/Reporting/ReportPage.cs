using System.Text;
using FedSpine.Federated.Reporting.Figures;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting;

/// <summary>
/// report.html: one page with inline pictures, style and script, that asks nothing of a network. It reads without its script,
/// which only shows the pictures' tips at once.
/// </summary>
public static class ReportPage
{
    public static string Render(RunReport run)
    {
        var s = run.Summary;
        string model = Path.GetFileName(Path.TrimEndingDirectorySeparator(s.Model)); // the folder's own name
        var html = new StringBuilder();
        html.Append(Head($"FedSpine: {s.Method} on {model}, seed {s.Seed}"));
        html.Append($"""
            <h1>{Svg.Escape(s.Method)} <span>on {Svg.Escape(model)}</span></h1>
            <p>{Svg.Escape(Setting(s))}</p>
            </header>
            <main>

            """);
        html.Append(Headline.ToHtml(s));
        html.Append($"<p class=\"fine\">{Svg.Escape(Fine(s))}</p>\n");
        foreach (var figure in new[] { QualityFigure.Draw(run), RatioFigure.Draw(run), RankFigure.Draw(run), RoundTimeFigure.Draw(run), ArmsFigure.Draw(run), SizesFigure.Draw(run) })
            Append(html, figure, "full");
        html.Append("<div class=\"pair\">");
        foreach (var figure in new[] { RoundLines.Reward(run), RoundLines.Loss(run), RoundLines.Traffic(run), RoundLines.AggregationError(run) })
            Append(html, figure, "half");
        html.Append("</div>\n");
        html.Append(DeviceTable.ToHtml(run));
        html.Append($"""

            <section><h2>Repeat this run</h2>
            <pre>{Svg.Escape(RepeatCommand.For(run.Options))}</pre>
            <details><summary>All settings (config.json)</summary><pre>{Svg.Escape(SimulationConfig.Write(run.Options))}</pre></details>
            </section>

            """);
        html.Append(Foot());
        return html.ToString();
    }

    internal static void Append(StringBuilder html, Figure? figure, string css)
    {
        if (figure is not null)
            html.Append($"<section class=\"{css}\"><h2>{Svg.Escape(figure.Title)}</h2><p>{Svg.Escape(figure.Caption)}</p><div class=\"scroll\">{figure.Picture}</div></section>\n");
    }

    /// <summary>What every page begins with, up to its heading.</summary>
    internal static string Head(string title) => $"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{Svg.Escape(title)}</title>
        <style>{ReportStyle.Css}</style>
        </head>
        <body>
        {ReportStyle.Hatch}
        <header>

        """;

    /// <summary>What every page ends with.</summary>
    internal static string Foot() => $"""
        </main>
        <div id="tip" hidden></div>
        <script>{ReportStyle.Script}</script>
        </body>
        </html>

        """;

    private static string Setting(RunSummary s) =>
        $"{s.Task}, {s.Devices} device{(s.Devices == 1 ? "" : "s")}, {s.Rounds} round{(s.Rounds == 1 ? "" : "s")}; policy {s.Policy}, aggregation {s.Aggregation}, "
        + $"criterion {s.Criterion}, partition {s.Partition}, target sparsity {Units.Percent(s.TargetSparsity, 0)}, seed {s.Seed}";

    private static string Fine(RunSummary s)
    {
        string target = Headline.Target(s) is { } text ? $"{char.ToUpperInvariant(text[0])}{text[1..]}. " : "";
        return $"{target}The run itself took {Units.Duration(s.WallSeconds)} and at most {Units.Bytes(s.PeakRssBytes)} of memory.";
    }
}
