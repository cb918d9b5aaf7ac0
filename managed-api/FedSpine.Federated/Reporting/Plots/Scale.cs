using System.Globalization;

namespace FedSpine.Federated.Reporting.Plots;

/// <summary>Maps values to [0, 1] along an axis, and knows where its ticks are and how they read.</summary>
internal sealed class Scale
{
    private readonly Func<double, double> _transform;
    private readonly double _low, _high;

    private Scale(double low, double high, Func<double, double> transform, IReadOnlyList<double> ticks, Func<double, string> format)
    {
        _transform = transform;
        (_low, _high) = (transform(low), transform(high));
        Ticks = [.. ticks.Where(t => t >= low - 1e-9 * (high - low) && t <= high + 1e-9 * (high - low))];
        Format = format;
    }

    public IReadOnlyList<double> Ticks { get; }

    public Func<double, string> Format { get; }

    public double Position(double value) => (_transform(value) - _low) / (_high - _low);

    /// <summary>About <paramref name="ticks"/> steps of 1, 2 or 5 times a power of ten; the ends move out to the next tick.</summary>
    public static Scale Nice(double low, double high, int ticks = 5)
    {
        Widen(ref low, ref high);
        double step = Step(high - low, ticks);
        return Stepped(Math.Floor(low / step + 1e-9) * step, Math.Ceiling(high / step - 1e-9) * step, step);
    }

    /// <summary>The same steps between exactly these ends.</summary>
    public static Scale Exact(double low, double high, int ticks = 6)
    {
        Widen(ref low, ref high);
        return Stepped(low, high, Step(high - low, ticks));
    }

    /// <summary>Whole numbers only, e.g. rounds; ends at half steps where <paramref name="padding"/> is 0.5.</summary>
    public static Scale Whole(int low, int high, double padding, int ticks = 10)
    {
        double step = Math.Max(1, Step(Math.Max(1, high - low), ticks));
        double first = Math.Ceiling(low / step) * step;
        var at = Enumerable.Range(0, (int)((high - first) / step) + 1).Select(i => first + i * step).ToList();
        if (at[0] != low && at[0] - low > step / 2)
            at.Insert(0, low);
        double from = low - padding, to = high + padding;
        Widen(ref from, ref to);
        return new Scale(from, to, v => v, at, v => v.ToString("0", CultureInfo.InvariantCulture));
    }

    /// <summary>Powers of two, e.g. ranks. Both ends are positive.</summary>
    public static Scale Log2(double low, double high)
    {
        if (high <= low)
            high = low * 2;
        var ticks = Enumerable.Range(-10, 40).Select(e => Math.Pow(2, e)).ToList();
        return new Scale(low, high, Math.Log2, ticks, v => v.ToString("0.####", CultureInfo.InvariantCulture));
    }

    /// <summary>1, 2 and 5 times the powers of ten, with ends moved out to the next of them. Both ends are positive.</summary>
    public static Scale Log10(double low, double high)
    {
        var ticks = Enumerable.Range(-12, 40).SelectMany(e => new[] { 1, 2, 5 }.Select(m => m * Math.Pow(10, e))).ToList();
        double from = ticks.Last(t => t <= low * 1.0001), to = ticks.First(t => t >= high * 0.9999);
        if (to <= from)
            to = ticks.First(t => t > from * 1.0001);
        if (to / from > 1000)
            ticks.RemoveAll(t => Math.Abs(Math.Log10(t) - Math.Round(Math.Log10(t))) > 1e-6);
        return new Scale(from, to, Math.Log10, ticks, v => v >= 1e5 || v < 1e-3
            ? v.ToString("0E+0", CultureInfo.InvariantCulture) : v.ToString("0.###", CultureInfo.InvariantCulture));
    }

    private static Scale Stepped(double low, double high, double step)
    {
        int decimals = Math.Max(0, (int)Math.Ceiling(-Math.Log10(step) - 1e-9));
        int first = (int)Math.Ceiling(low / step - 1e-9);
        var ticks = Enumerable.Range(0, (int)((high - low) / step + 1e-6) + 1).Select(i => (first + i) * step).ToList();
        string pattern = decimals > 9 || Math.Abs(high) >= 1e9 ? "0.######E+0" : "N" + decimals.ToString(CultureInfo.InvariantCulture);
        return new Scale(low, high, v => v, ticks, v => (Math.Abs(v) < step / 2 ? 0 : v).ToString(pattern, CultureInfo.InvariantCulture));
    }

    private static double Step(double range, int ticks)
    {
        double rough = range / ticks, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / power) switch { <= 1.0001 => 1, <= 2.0001 => 2, <= 5.0001 => 5, _ => 10 } * power;
    }

    private static void Widen(ref double low, ref double high)
    {
        if (high - low > 1e-5 * Math.Max(Math.Abs(low), Math.Abs(high)))
            return;
        double by = low == 0 ? 1 : Math.Abs(low) * 0.1;
        (low, high) = (low - (low == 0 ? 0 : by), high + by);
    }
}
