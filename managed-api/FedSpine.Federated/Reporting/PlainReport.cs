using System.Text;
using FedSpine.Engine.Models;
using FedSpine.Federated.Reporting.Figures;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting;

/// <summary>A line of a <see cref="LineFigure"/>; points that are not finite are left out.</summary>
public sealed record LineSeries(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>One or two lines over a common axis.</summary>
public sealed record LineFigure(string Title, string Caption, string XTitle, string YTitle, IReadOnlyList<LineSeries> Series);

/// <summary>A page about one model on one device: figures in words, curves, its layers, its settings. It asks nothing of a network.</summary>
public static class PlainReport
{
    /// <param name="facts">Name and value, in order.</param>
    /// <param name="layers">Unpruned and present shape of each layer.</param>
    /// <param name="settings">JSON, as text.</param>
    public static string Render(string title, IReadOnlyList<(string Name, string Value)> facts, IReadOnlyList<LineFigure> figures,
        IReadOnlyList<(LayerSpec Base, LayerSpec Present)> layers, string settings)
    {
        var html = new StringBuilder(ReportPage.Head($"FedSpine: {title}"));
        html.Append($"<h1>{Svg.Escape(title)}</h1>\n</header>\n<main>\n<section class=\"full\"><div class=\"scroll\"><table class=\"facts\">\n");
        foreach (var (name, value) in facts)
            html.Append($"<tr><th scope=\"row\">{Svg.Escape(name)}</th><td>{Svg.Escape(value)}</td></tr>\n");
        html.Append("</table></div></section>\n<div class=\"pair\">");
        foreach (var figure in figures)
            ReportPage.Append(html, Draw(figure), "half");
        html.Append("</div>\n");
        ReportPage.Append(html, SizesFigure.OfModel(layers), "full");
        html.Append($"<section><h2>Settings</h2><pre>{Svg.Escape(settings)}</pre></section>\n");
        html.Append(ReportPage.Foot());
        return html.ToString();
    }

    private static Figure? Draw(LineFigure figure)
    {
        var series = figure.Series.Select(s => s with { Points = [.. s.Points.Where(p => double.IsFinite(p.Y))] }).Where(s => s.Points.Count > 0).ToList();
        if (series.Count == 0)
            return null;
        var all = series.SelectMany(s => s.Points).ToList();
        var y = Scale.Nice(all.Min(p => p.Y), all.Max(p => p.Y), 4);
        var x = Scale.Whole((int)all.Min(p => p.X), (int)all.Max(p => p.X), 0, 6);
        double labels = series.Max(s => Svg.TextWidth(s.Name, bold: true)) + 8;
        const double height = 250, top = 34;
        double left = Frame.Gutter(y) + 4;
        var svg = new Svg(Figure.Half, height, figure.Title);
        var frame = new Frame(svg, left, top, Figure.Half - left - labels - 8, height - top - 46, x, y);
        frame.DrawAxes(figure.XTitle, figure.YTitle);
        var ends = new List<EndLabel>();
        for (int i = 0; i < series.Count; i++)
        {
            string color = i == 0 ? Palette.Pruned : Palette.Unpruned;
            svg.Polyline(series[i].Points.Select(p => (frame.X(p.X), frame.Y(p.Y))), "line", color);
            foreach (var (at, value) in series[i].Points)
                svg.Dot(frame.X(at), frame.Y(value), 3, "dot", color, $"{figure.XTitle} {at}{(series[i].Name.Length > 0 ? $", {series[i].Name}" : "")}: {Units.Significant(value)}");
            if (series[i].Name.Length > 0)
                ends.Add(new EndLabel(frame.Y(series[i].Points[^1].Y), series[i].Name, color));
        }

        Labels.DrawEnds(svg, frame.Right + 6, frame.Top, frame.Bottom, ends);
        return new Figure(figure.Title, figure.Caption, svg.ToString());
    }
}
