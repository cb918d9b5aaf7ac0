using FedSpine.Federated.Comparison;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Reporting.Figures;

/// <summary>Quality over virtual time of every variant on a data set: a strong line for the mean over seeds, a faint one per seed.</summary>
internal static class ComparisonFigure
{
    private const int NamesInRow = 5;

    public static Figure? Draw(string data, ComparisonSummary summary)
    {
        var runs = summary.Runs.Where(r => r.DataSet == data && r.Curve.Count > 0 && r.Curve.All(p => double.IsFinite(p.Quality) && double.IsFinite(p.Seconds))).ToList();
        if (runs.Count == 0)
            return null;
        bool perplexity = runs[0].Perplexity is not null;
        double Value(double quality) => perplexity ? ComparisonResults.Perplexity(quality) : quality;
        var variants = runs.Select(r => r.Variant).Distinct().ToList();
        var values = runs.SelectMany(r => r.Curve).Select(p => Value(p.Quality)).ToList();
        var y = Scale.Nice(values.Min(), values.Max());
        double end = runs.Max(r => r.Curve[^1].Seconds);
        var (unit, seconds) = Units.TimeAxis(end);
        var x = Scale.Exact(0, Math.Max(end / seconds, 1e-6), 8);
        int legend = (variants.Count + NamesInRow - 1) / NamesInRow;
        double height = 400 + 20 * legend, top = 46 + 20 * legend;
        string title = perplexity ? "Perplexity" : "Accuracy";
        var svg = new Svg(Figure.Full, height, $"{title} over virtual time on {data}");
        double left = Frame.Gutter(y) + 4;
        var frame = new Frame(svg, left, top, Figure.Full - left - 20, height - top - 52, x, y);
        frame.DrawAxes($"virtual time ({unit})", perplexity ? "perplexity, test set (lower is better)" : "accuracy, test set (%)");
        for (int row = 0; row < legend; row++)
            Labels.DrawLegend(svg, left, 14 + 20 * row, variants.Skip(row * NamesInRow).Take(NamesInRow).Select(v => (v, Color(v, summary))));
        foreach (string variant in variants.AsEnumerable().Reverse()) // the first on top
        {
            string color = Color(variant, summary);
            var curves = runs.Where(r => r.Variant == variant).Select(r => r.Curve).ToList();
            foreach (var curve in curves.Where(_ => curves.Count > 1))
                svg.Polyline(curve.Select(p => (frame.X(p.Seconds / seconds), frame.Y(Value(p.Quality)))), "line", color, opacity: 0.25);
            var mean = curves.SelectMany(c => c).GroupBy(p => p.Round).Where(g => g.Count() == curves.Count).OrderBy(g => g.Key)
                .Select(g => (Round: g.Key, Seconds: g.Average(p => p.Seconds), Value: Value(g.Average(p => p.Quality)))).ToList();
            svg.Polyline(mean.Select(p => (frame.X(p.Seconds / seconds), frame.Y(p.Value))),
                variant == summary.First ? "line strong" : ComparisonResults.IsReference(variant) ? "line dashed" : "line", color);
            foreach (var point in mean)
                svg.Dot(frame.X(point.Seconds / seconds), frame.Y(point.Value), 3, "dot", color,
                    $"{variant} after round {point.Round}, {Units.Duration(point.Seconds)}: {(perplexity ? Units.Significant(point.Value) : $"{Units.Number(point.Value, 1)} %")}");
        }

        return new Figure($"{title} over virtual time on {data}", "Mean over seeds, and faint each seed. Before a run has reached its sparsity its models are larger than at the end.", svg.ToString());
    }

    private static string Color(string variant, ComparisonSummary summary) => variant == summary.First ? Palette.Pruned
        : ComparisonResults.IsReference(variant) ? Palette.Unpruned
        : Palette.Kind(summary.Variants.TakeWhile(v => v != variant).Count() - 1);
}
