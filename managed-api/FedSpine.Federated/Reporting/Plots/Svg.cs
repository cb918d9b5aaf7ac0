using System.Globalization;
using System.Net;
using System.Text;

namespace FedSpine.Federated.Reporting.Plots;

internal enum Anchor
{
    Start,
    Middle,
    End,
}

/// <summary>
/// An inline SVG picture under construction. Coordinates are pixels of the view box; looks come from the page's style sheet by
/// class name, data colours from <c>--c</c>. Texts are escaped; a coordinate that is not finite is a bug of the figure and throws.
/// </summary>
internal sealed class Svg(double width, double height, string description)
{
    private readonly StringBuilder _body = new();

    public double Width { get; } = width;

    public double Height { get; } = height;

    /// <summary>Width of a text at a font size, guessed from above: system fonts differ, and an overestimate only leaves room.</summary>
    public static double TextWidth(string text, double size = 12, bool bold = false) => text.Length * size * (bold ? 0.8 : 0.6);

    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    /// <summary>At most <paramref name="length"/> characters, the rest an ellipsis.</summary>
    public static string Shorten(string text, int length) => text.Length <= length ? text : string.Concat(text.AsSpan(0, length - 1).TrimEnd(), "…");

    public void Line(double x1, double y1, double x2, double y2, string css, string? color = null) =>
        _body.Append($"<line x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\"{Look(css, color)}/>");

    public void Polyline(IEnumerable<(double X, double Y)> points, string css, string? color = null, string? tip = null, double opacity = 1)
    {
        _body.Append($"<polyline{Look(css, color, opacity)} points=\"");
        _body.AppendJoin(' ', points.Select(p => $"{N(p.X)},{N(p.Y)}"));
        Close("polyline", "\"", tip);
    }

    public void Rect(double x, double y, double width, double height, string css, string? color = null, string? tip = null)
    {
        _body.Append($"<rect x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\"{Look(css, color)}");
        Close("rect", "", tip);
    }

    public void Dot(double x, double y, double radius, string css, string? color = null, string? tip = null, double opacity = 1)
    {
        _body.Append($"<circle cx=\"{N(x)}\" cy=\"{N(y)}\" r=\"{N(radius)}\"{Look(css, color, opacity)}");
        Close("circle", "", tip);
    }

    /// <summary>y is the baseline. <paramref name="turned"/>: reads upwards, around its anchor.</summary>
    public void Text(double x, double y, string text, string css, Anchor anchor = Anchor.Start, string? color = null, bool turned = false, string? tip = null)
    {
        string turn = turned ? $" transform=\"rotate(-90 {N(x)} {N(y)})\"" : "";
        string side = anchor switch { Anchor.Middle => " text-anchor=\"middle\"", Anchor.End => " text-anchor=\"end\"", _ => "" };
        _body.Append($"<text x=\"{N(x)}\" y=\"{N(y)}\"{side}{turn}{Look(css, color)}>{Escape(text)}");
        if (tip is not null)
            _body.Append($"<title>{Escape(tip)}</title>");
        _body.Append("</text>");
    }

    public override string ToString() =>
        $"<svg viewBox=\"0 0 {N(Width)} {N(Height)}\" role=\"img\" aria-label=\"{Escape(description)}\">{_body}</svg>";

    /// <summary>A file of its own, with the looks of its classes inside.</summary>
    public string ToFile(string style) =>
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{N(Width)}\" height=\"{N(Height)}\" viewBox=\"0 0 {N(Width)} {N(Height)}\" role=\"img\" aria-label=\"{Escape(description)}\"><style>{style}</style>{_body}</svg>\n";

    private static string Look(string css, string? color, double opacity = 1)
    {
        string style = color is null ? "" : $"--c:{color}";
        if (opacity < 1)
            style += $"{(style.Length > 0 ? ";" : "")}opacity:{N(opacity)}";
        return $" class=\"{css}\"" + (style.Length > 0 ? $" style=\"{style}\"" : "");
    }

    private void Close(string element, string before, string? tip) =>
        _body.Append(tip is null ? $"{before}/>" : $"{before}><title>{Escape(tip)}</title></{element}>");

    private static string N(double value) => double.IsFinite(value)
        ? value.ToString("0.##", CultureInfo.InvariantCulture)
        : throw new ArgumentOutOfRangeException(nameof(value), value, "A coordinate must be finite.");
}
