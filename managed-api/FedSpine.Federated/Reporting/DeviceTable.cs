using System.Text;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting;

/// <summary>The devices at the end of the run, folded away when they are many.</summary>
internal static class DeviceTable
{
    private const int MostOpen = 12;

    public static string ToHtml(RunReport run)
    {
        if (run.Devices.Count == 0)
            return "";
        bool labels = run.Devices.Any(d => d.LabelCounts.Count > 0);
        string quality = run.IsPerplexity ? "perplexity" : "accuracy";
        var html = new StringBuilder($"<details{(run.Devices.Count <= MostOpen ? " open" : "")}><summary>Devices at the end</summary><div class=\"scroll\"><table><thead><tr>");
        string[] heads = ["device", "class", "domain", "examples", .. labels ? ["per label"] : Array.Empty<string>(), "rounds", "ratio", "rank", "weights", quality];
        foreach (string head in heads)
            html.Append(head is "class" or "domain" ? $"<th class=\"name\">{head}</th>" : $"<th>{head}</th>");
        html.Append("</tr></thead><tbody>");
        foreach (var d in run.Devices)
        {
            html.Append($"<tr><td>{d.Device}</td><td class=\"name\"><i style=\"--c:{run.ColorOf(d.Class)}\"></i>{Svg.Escape(d.Class)}</td><td class=\"name\" title=\"{Svg.Escape(d.Domain)}\">{Svg.Escape(Svg.Shorten(d.Domain, 40))}</td><td>{Units.Number(d.Examples, 0)}</td>");
            if (labels)
                html.Append($"<td>{string.Join(" : ", d.LabelCounts)}</td>");
            html.Append($"<td>{d.RoundsPlayed}</td><td>{Units.Percent(d.Sparsity)}</td><td>{d.Rank}</td><td>{Units.Count(d.Parameters)}</td>");
            html.Append($"<td>{(run.IsPerplexity ? Units.Significant(d.Perplexity) : Units.Percent(d.Accuracy))}</td></tr>");
        }

        return html.Append("</tbody></table></div></details>").ToString();
    }
}
