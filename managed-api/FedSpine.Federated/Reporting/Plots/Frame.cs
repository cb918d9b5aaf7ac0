namespace FedSpine.Federated.Reporting.Plots;

/// <summary>A plot's area inside a picture: grid, ticks, axis titles, and the mapping from values to pixels.</summary>
internal sealed class Frame(Svg svg, double left, double top, double width, double height, Scale x, Scale y)
{
    public double Left { get; } = left;

    public double Top { get; } = top;

    public double Right => Left + width;

    public double Bottom => Top + height;

    public double X(double value) => Left + width * x.Position(value);

    public double Y(double value) => Bottom - height * y.Position(value);

    /// <param name="xTitle">With its unit; empty to leave it out.</param>
    /// <param name="yTitle">With its unit, written above the axis so that it reads level; empty to leave it out.</param>
    /// <param name="xGrid">Also lines at the x ticks.</param>
    public void DrawAxes(string xTitle, string yTitle, bool xGrid = false)
    {
        foreach (double tick in y.Ticks)
        {
            svg.Line(Left, Y(tick), Right, Y(tick), "grid");
            svg.Text(Left - 8, Y(tick) + 4, y.Format(tick), "tick", Anchor.End);
        }

        double room = double.NegativeInfinity;
        foreach (double tick in x.Ticks)
        {
            if (xGrid)
                svg.Line(X(tick), Top, X(tick), Bottom, "grid");
            string label = x.Format(tick);
            double half = Svg.TextWidth(label, 12) / 2;
            if (X(tick) - half < room)
                continue;
            svg.Line(X(tick), Bottom, X(tick), Bottom + 4, "axis");
            svg.Text(X(tick), Bottom + 18, label, "tick", Anchor.Middle);
            room = X(tick) + half + 6;
        }

        svg.Line(Left, Bottom, Right, Bottom, "axis");
        if (xTitle.Length > 0)
            svg.Text((Left + Right) / 2, Bottom + 36, xTitle, "title", Anchor.Middle);
        if (yTitle.Length > 0)
            svg.Text(Left - Gutter(y), Top - 12, yTitle, "title");
    }

    /// <summary>Width that the tick labels of a vertical axis need.</summary>
    public static double Gutter(Scale y) => 8 + y.Ticks.Select(t => Svg.TextWidth(y.Format(t), 12)).DefaultIfEmpty(0).Max();
}
