using System.Globalization;

namespace FedSpine.Federated.Reporting.Plots;

/// <summary>
/// Colours that people with any colour vision tell apart: Okabe and Ito's for kinds (as style-sheet variables, so that dark mode
/// can lighten them), viridis for amounts.
/// </summary>
internal static class Palette
{
    public const int Kinds = 8;

    public const string Pruned = "var(--pruned)", Unpruned = "var(--unpruned)";

    // matplotlib's viridis at 0, 1/8, ... 1.
    private static readonly (int R, int G, int B)[] Viridis =
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
    ];

    /// <summary>The i-th kind's colour.</summary>
    public static string Kind(int index) => string.Create(CultureInfo.InvariantCulture, $"var(--k{index % Kinds})");

    /// <summary>Fill for an amount in [0, 1], and the text colour that reads on it.</summary>
    public static (string Fill, string Ink) Amount(double share)
    {
        double at = Math.Clamp(share, 0, 1) * (Viridis.Length - 1);
        int low = Math.Min((int)at, Viridis.Length - 2);
        double t = at - low;
        var (a, b) = (Viridis[low], Viridis[low + 1]);
        int red = (int)Math.Round(a.R + t * (b.R - a.R)), green = (int)Math.Round(a.G + t * (b.G - a.G)), blue = (int)Math.Round(a.B + t * (b.B - a.B));
        bool dark = 0.299 * red + 0.587 * green + 0.114 * blue < 135;
        return ($"#{red:x2}{green:x2}{blue:x2}", dark ? "#fff" : "#111");
    }

    /// <summary>The colour at <paramref name="share"/> of the way between two, 0xRRGGBB.</summary>
    public static string Blend(int from, int to, double share)
    {
        int Part(int shift) => (int)Math.Round((from >> shift & 255) + share * ((to >> shift & 255) - (from >> shift & 255)));
        return $"#{Part(16):x2}{Part(8):x2}{Part(0):x2}";
    }

    /// <summary>A bar of the amounts from low to high, with its two ends written under it.</summary>
    public static void DrawRamp(Svg svg, double x, double y, double width, string title, string low, string high)
    {
        const int steps = 32;
        svg.Text(x - 8, y + 9, title, "key", Anchor.End);
        for (int i = 0; i < steps; i++)
            svg.Rect(x + width * i / steps, y, width / steps + 0.5, 10, "fill crisp", Amount((i + 0.5) / steps).Fill);
        svg.Text(x, y + 24, low, "tick");
        svg.Text(x + width, y + 24, high, "tick", Anchor.End);
    }
}
