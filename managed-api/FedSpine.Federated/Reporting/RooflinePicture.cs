using FedSpine.Federated.Reporting.Plots;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Federated.Reporting;

/// <summary>
/// A roofline (Williams et al., CACM 52, 2009) as an SVG file of its own: the machine's two ceilings, and a dot an operator at its
/// intensity and rate, its area the share of the time.
/// </summary>
public static class RooflinePicture
{
    private const double Width = 950, Height = 510, Left = 70, Top = 50, PlotWidth = 620, PlotHeight = 400;

    /// <summary>Operators that take less of the time are left out.</summary>
    private const double LeastShare = 0.002;

    public static string ToSvg(IReadOnlyList<ProfileLine> operators, in MachinePeak peak, string title)
    {
        double seconds = operators.Sum(o => o.Seconds);
        var shown = operators.Where(o => o.Flops > 0 && o.Bytes > 0 && o.Seconds > LeastShare * seconds).ToList();
        double ridge = peak.FlopsPerSecond / peak.BytesPerSecond;
        var x = Scale.Log10(Math.Min(ridge / 10, shown.Select(o => o.Intensity).DefaultIfEmpty(ridge).Min()), Math.Max(ridge * 10, shown.Select(o => o.Intensity).DefaultIfEmpty(ridge).Max()));
        var y = Scale.Log10(shown.Select(o => o.FlopsPerSecond / 1e9).DefaultIfEmpty(1).Min(), Math.Max(peak.FlopsPerSecond / 1e9, shown.Select(o => o.FlopsPerSecond / 1e9).DefaultIfEmpty(1).Max()) * 1.2);
        var svg = new Svg(Width, Height, title);
        svg.Text(8, 22, title, "title");
        var frame = new Frame(svg, Left, Top, PlotWidth, PlotHeight, x, y);
        frame.DrawAxes("operations a byte", "GFLOP/s", xGrid: true);
        double low = x.Ticks[0], high = x.Ticks[^1], peakG = peak.FlopsPerSecond / 1e9, rateG = peak.BytesPerSecond / 1e9;
        double from = Math.Max(low, y.Ticks[0] / rateG);
        svg.Polyline([(frame.X(from), frame.Y(from * rateG)), (frame.X(ridge), frame.Y(peakG)), (frame.X(high), frame.Y(peakG))], "roof");
        svg.Text(frame.X(high) - 4, frame.Y(peakG) - 6, $"{Units.Significant(peakG)} GFLOP/s, {Units.Significant(rateG)} GB/s measured", "tick", Anchor.End);
        for (int i = 0; i < shown.Count; i++)
        {
            var o = shown[i];
            double radius = 3 + 22 * Math.Sqrt(o.Seconds / seconds);
            svg.Dot(frame.X(o.Intensity), frame.Y(o.FlopsPerSecond / 1e9), radius, $"k{i % Palette.Kinds}", tip: $"{o.Name}: {Units.Percent(o.Seconds / seconds)} of the time, {Units.Significant(o.FlopsPerSecond / 1e9)} GFLOP/s, {Units.Significant(o.BytesPerSecond / 1e9)} GB/s");
            if (i >= 18)
                continue;
            svg.Dot(Left + PlotWidth + 20, Top + 6 + i * 22, 5, $"k{i % Palette.Kinds}");
            svg.Text(Left + PlotWidth + 30, Top + 10 + i * 22, $"{Svg.Shorten(o.Name, 18)} {Units.Percent(o.Seconds / seconds, 0)}", "tick");
        }

        return svg.ToFile(Style);
    }

    // Okabe and Ito's colours, as the report's.
    private static readonly string[] Colors = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8f7b00", "#555555"];

    private static string Style => "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.tick{fill:#57606a}.grid{stroke:#e6eaef}.axis{stroke:#8c959f}"
        + ".roof{fill:none;stroke:#24292f;stroke-width:1.5}circle{fill-opacity:.65}" + string.Concat(Colors.Select((color, i) => $".k{i}{{fill:{color}}}"));
}
