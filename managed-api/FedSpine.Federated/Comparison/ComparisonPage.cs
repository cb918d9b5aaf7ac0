using System.Text;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Reporting.Figures;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Comparison;

/// <summary>report.html of a comparison: pairs, a table and a figure per data set, how to repeat it. It asks nothing of a network.</summary>
public static class ComparisonPage
{
    public static string Render(ComparisonSummary s, ComparisonPlan plan)
    {
        var html = new StringBuilder(ReportPage.Head($"FedSpine: {s.First} beside {s.Variants.Count - 1} others"));
        html.Append($"<h1>{Svg.Escape(s.First)} <span>beside {Svg.Escape(string.Join(", ", s.Variants.Skip(1)))}</span></h1>\n");
        html.Append($"<p>{s.DataSets.Count} data set{(s.DataSets.Count == 1 ? "" : "s")}, seeds {string.Join(", ", s.Seeds)}; {s.FinishedCells} of {s.Cells} runs are finished, {Units.Duration(s.WallSeconds)} of computing.</p>\n</header>\n<main>\n");
        if (s.Pairs.Any(p => p.Pairs > 0))
            Append(html, $"{s.First} beside the others", ComparisonText.PairHeads, s.Pairs.Select(ComparisonText.Cells), "words");
        html.Append($"<p class=\"fine\">{Svg.Escape(ComparisonText.Explanation(s))}</p>\n");
        foreach (string data in s.DataSets)
        {
            var rows = s.Rows.Where(r => r.DataSet == data).ToList();
            if (rows.Count == 0)
                continue;
            Append(html, data, ComparisonText.RowHeads, rows.Select(ComparisonText.Cells));
            ReportPage.Append(html, ComparisonFigure.Draw(data, s), "full");
        }

        html.Append($"<section><h2>Repeat this comparison</h2><p>Save as compare.json, then: fedspine compare --config compare.json</p><pre>{Svg.Escape(ComparisonConfig.Write(plan))}</pre></section>\n");
        return html.Append(ReportPage.Foot()).ToString();
    }

    private static void Append(StringBuilder html, string title, IReadOnlyList<string> heads, IEnumerable<IReadOnlyList<string>> rows, string style = "")
    {
        html.Append($"<section><h2>{Svg.Escape(title)}</h2><div class=\"scroll\"><table class=\"{style}\"><thead><tr>");
        foreach (string head in heads)
            html.Append($"<th>{Svg.Escape(head)}</th>");
        html.Append("</tr></thead><tbody>");
        foreach (var row in rows)
            html.Append($"<tr><th scope=\"row\">{Svg.Escape(row[0])}</th>{string.Concat(row.Skip(1).Select(cell => $"<td>{Svg.Escape(cell)}</td>"))}</tr>");
        html.Append("</tbody></table></div></section>\n");
    }
}
