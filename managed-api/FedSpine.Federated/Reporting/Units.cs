using System.Globalization;

namespace FedSpine.Federated.Reporting;

/// <summary>Figures as people read them, the same in reports and on terminals. A value that is missing or not finite reads "–".</summary>
public static class Units
{
    public const string Missing = "–";

    /// <summary>0.934 as "93.4 %".</summary>
    public static string Percent(double? fraction, int decimals = 1) =>
        Number(fraction * 100, decimals) is var text && text != Missing ? $"{text} %" : Missing;

    public static string Number(double? value, int decimals) => value is { } v && double.IsFinite(v)
        ? (Math.Round(v, decimals) == 0 ? 0 : v).ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : Missing;

    /// <summary>Three significant digits, as "12.3", "0.00123" or "1.23E+9".</summary>
    public static string Significant(double? value) => value is { } v && double.IsFinite(v)
        ? Math.Abs(v) switch
        {
            0 => "0",
            >= 1e6 or < 1e-4 => v.ToString("0.##E+0", CultureInfo.InvariantCulture),
            >= 99.95 => v.ToString("N0", CultureInfo.InvariantCulture),
            >= 9.995 => v.ToString("0.0", CultureInfo.InvariantCulture),
            >= 0.9995 => v.ToString("0.00", CultureInfo.InvariantCulture),
            >= 0.0995 => v.ToString("0.###", CultureInfo.InvariantCulture),
            >= 0.00995 => v.ToString("0.####", CultureInfo.InvariantCulture),
            _ => v.ToString("0.######", CultureInfo.InvariantCulture),
        }
        : Missing;

    /// <summary>1234567 as "1.23 M".</summary>
    public static string Count(double? value) => value is { } v && double.IsFinite(v)
        ? Math.Abs(v) switch
        {
            >= 999.5e6 => $"{Significant(v / 1e9)} G",
            >= 999.5e3 => $"{Significant(v / 1e6)} M",
            >= 9999.5 => $"{Significant(v / 1e3)} k",
            _ => v.ToString("N0", CultureInfo.InvariantCulture),
        }
        : Missing;

    /// <summary>Decimal multiples, as networks count: "1.23 MB".</summary>
    public static string Bytes(double? value) => value is { } v && double.IsFinite(v)
        ? Math.Abs(v) switch
        {
            >= 999.5e6 => $"{Significant(v / 1e9)} GB",
            >= 999.5e3 => $"{Significant(v / 1e6)} MB",
            >= 999.5 => $"{Significant(v / 1e3)} kB",
            _ => $"{v.ToString("N0", CultureInfo.InvariantCulture)} B",
        }
        : Missing;

    public static string Duration(double? seconds) => seconds is { } s && double.IsFinite(s)
        ? s switch
        {
            >= 5400 => $"{Significant(s / 3600)} h",
            >= 90 => $"{Significant(s / 60)} min",
            _ => $"{Significant(s)} s",
        }
        : Missing;

    /// <summary>The unit that suits an axis up to <paramref name="largest"/> seconds, and its length in seconds.</summary>
    public static (string Unit, double Seconds) TimeAxis(double largest) => largest switch
    {
        >= 5400 => ("h", 3600),
        >= 180 => ("min", 60),
        _ => ("s", 1),
    };

    /// <summary>The same for bytes.</summary>
    public static (string Unit, double Bytes) ByteAxis(double largest) => largest switch
    {
        >= 1e9 => ("GB", 1e9),
        >= 1e6 => ("MB", 1e6),
        >= 1e3 => ("kB", 1e3),
        _ => ("B", 1),
    };
}
