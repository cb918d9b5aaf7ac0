using System.Globalization;

namespace FedSpine.Engine;

/// <summary>Amounts of memory as people write them: "900MB", "1.5 GiB", "4096".</summary>
public static class ByteSize
{
    private static readonly (string Unit, double Bytes)[] Units =
    [
        ("GiB", 1L << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("G", 1L << 30), ("M", 1 << 20), ("K", 1 << 10), ("B", 1), ("", 1),
    ];

    /// <summary>Decimal units are thousands, binary ones and bare letters (G, M, K) 1,024; capitals do not matter.</summary>
    /// <returns>False where the text is no such amount, or not above 0.</returns>
    public static bool TryParse(string text, out long bytes)
    {
        text = text.Trim();
        var (unit, factor) = Array.Find(Units, u => text.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase));
        bool number = double.TryParse(text.AsSpan(0, text.Length - unit.Length).Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value);
        bytes = number && value * factor is >= 1 and < 1e18 ? (long)(value * factor) : 0;
        return bytes > 0;
    }

    /// <summary>In GiB, MiB or KiB, to three digits.</summary>
    public static string Format(long bytes)
    {
        var (unit, factor) = bytes >= 1L << 30 ? Units[0] : bytes >= 1 << 20 ? Units[1] : Units[2];
        double value = bytes / factor;
        return value.ToString(value < 9.995 ? "0.##" : value < 99.95 ? "0.#" : "0", CultureInfo.InvariantCulture) + " " + unit;
    }
}
