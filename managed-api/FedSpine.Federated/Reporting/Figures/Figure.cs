namespace FedSpine.Federated.Reporting.Figures;

/// <summary>A finished figure.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Caption">What to see in it, plain text.</param>
/// <param name="Picture">Inline SVG.</param>
internal sealed record Figure(string Title, string Caption, string Picture)
{
    /// <summary>Width of a figure over the whole page and of one in two columns, in pixels of its view box.</summary>
    public const double Full = 1000, Half = 490;
}
