using System.Globalization;
using FedSpine.Bench.Measuring;

namespace FedSpine.Bench.Gating;

/// <summary>Whether a case is as good as its baseline. Pure arithmetic: no clock, no files.</summary>
internal static class GateVerdict
{
    /// <summary>A band is never narrower: machines of one kind differ by that much from day to day.</summary>
    public const double LeastBand = 0.10;

    /// <summary>Nor wider: a run so noisy that half as slow again may hide in it judges nothing.</summary>
    public const double WidestBand = 0.50;

    /// <summary>Of managed bytes, where a case allocates at all (lazily grown tables of the runtime come and go); one that allocates nothing may allocate nothing.</summary>
    public const double AllocationSlack = 0.03;

    /// <summary>How much worse a ratio may be, as a share of the baseline's: twice the rounds' deviation, both runs', within bounds.</summary>
    public static double Band(IReadOnlyCollection<double> baseline, IReadOnlyCollection<double> now)
    {
        double deviation = Math.Sqrt(Square(Relative(baseline)) + Square(Relative(now)));
        return Math.Clamp(2 * deviation, LeastBand, WidestBand);
    }

    /// <summary>Median ratio now over that of the baseline, less one: 0.2 is a fifth slower.</summary>
    public static double Change(IReadOnlyCollection<double> baseline, IReadOnlyCollection<double> now) =>
        Robust.Median(now) / Robust.Median(baseline) - 1;

    public static bool AllocatesMore(double baseline, double now) => now > baseline * (1 + AllocationSlack);

    /// <summary>One line for each way in which the case is worse; none where it passes. Ratios to different references are not judged.</summary>
    public static IReadOnlyList<string> Failures(GateMeasurement baseline, GateMeasurement now)
    {
        var failures = new List<string>();
        if (AllocationFailure(baseline.AllocatedBytes, now) is { } more)
            failures.Add(more);
        if (baseline.Reference != now.Reference)
            return failures;
        double change = Change(baseline.Ratios, now.Ratios), band = Band(baseline.Ratios, now.Ratios);
        if (change > band)
        {
            failures.Add(string.Create(CultureInfo.InvariantCulture,
                $"{now.Name}: {Robust.Median(now.Ratios):f3} x {now.Reference}, the baseline {Robust.Median(baseline.Ratios):f3}: {change:+0.0%} is beyond the band of {band:0.0%}"));
        }

        return failures;
    }

    public static string? AllocationFailure(double recorded, GateMeasurement now) => !AllocatesMore(recorded, now.AllocatedBytes) ? null
        : string.Create(CultureInfo.InvariantCulture, $"{now.Name}: allocates {now.AllocatedBytes:0.#} managed bytes a run, recorded are {recorded:0.#}");

    private static double Relative(IReadOnlyCollection<double> values) => Robust.Deviation(values) / Robust.Median(values);

    private static double Square(double x) => x * x;
}
