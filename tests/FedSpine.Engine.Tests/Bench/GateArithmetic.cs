using FedSpine.Bench.Gating;
using FedSpine.Bench.Measuring;

namespace FedSpine.Engine.Tests.Bench;

/// <summary>The benchmarks' gate: bands, significance and allocated bytes, on numbers worked out by hand.</summary>
public class GateArithmetic
{
    private static readonly double[] s_quiet = [1.00, 1.00, 1.01, 0.99, 1.00, 1.00, 1.00, 0.99, 1.01];

    /// <summary>Median 1, median absolute deviation 0.1.</summary>
    private static readonly double[] s_noisy = [0.8, 0.9, 0.9, 1.0, 1.0, 1.1, 1.1, 1.2, 1.0];

    [Fact]
    public void Medians_and_deviations_do_not_see_an_outlier()
    {
        Assert.Equal(2, Robust.Median([3, 1, 2]));
        Assert.Equal(2.5, Robust.Median([4, 1, 2, 3]));
        Assert.Equal(1.4826, Robust.Deviation([1, 2, 3, 4, 1000]), 10);
        Assert.Equal(2, Robust.GeometricMean([1, 4]), 10);
    }

    [Fact]
    public void A_band_is_twice_the_deviation_of_both_runs_within_bounds()
    {
        Assert.Equal(GateVerdict.LeastBand, GateVerdict.Band(s_quiet, s_quiet));
        Assert.Equal(2 * Math.Sqrt(2) * 0.14826, GateVerdict.Band(s_noisy, s_noisy), 10);
        Assert.Equal(2 * 0.14826, GateVerdict.Band(s_noisy, [1.0, 1.0, 1.0]), 10);
        Assert.Equal(GateVerdict.WidestBand, GateVerdict.Band([0.2, 1, 1.8, 0.1, 2], s_quiet));
    }

    [Fact]
    public void A_band_does_not_depend_on_the_reference_s_speed() =>
        Assert.Equal(GateVerdict.Band(s_noisy, s_quiet), GateVerdict.Band([.. s_noisy.Select(r => 40 * r)], [.. s_quiet.Select(r => 40 * r)]), 10);

    [Theory]
    [InlineData(1.09, true)]
    [InlineData(1.12, false)]
    [InlineData(0.50, true)]
    public void A_ratio_fails_beyond_its_band_and_only_when_worse(double slowdown, bool passes)
    {
        var failures = GateVerdict.Failures(Case(s_quiet), Case([.. s_quiet.Select(r => slowdown * r)]));
        Assert.Equal(passes, failures.Count == 0);
        Assert.All(failures, line => Assert.Contains("case: 1.120 x OpenBLAS, the baseline 1.000: +12.0% is beyond the band of 10.0%", line));
    }

    [Fact]
    public void Ratios_beside_another_reference_are_not_judged_but_bytes_are()
    {
        var other = Case([.. s_quiet.Select(r => 3 * r)]) with { Reference = "plain loop" };
        Assert.Empty(GateVerdict.Failures(Case(s_quiet), other));
        Assert.Equal(["case: allocates 24 managed bytes a run, recorded are 0"], GateVerdict.Failures(Case(s_quiet), other with { AllocatedBytes = 24 }));
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(0, 0.1, true)]
    [InlineData(100_000, 102_900, false)]
    [InlineData(100_000, 103_100, true)]
    [InlineData(100_000, 50_000, false)]
    public void Nothing_may_become_something_and_something_hardly_more(double recorded, double now, bool more) =>
        Assert.Equal(more, GateVerdict.AllocatesMore(recorded, now));

    [Fact]
    public void The_rank_test_is_mann_and_whitney_s()
    {
        // Every value of one below every one of the other, 8 a side: U = 0, z = (32 - 0.5) / sqrt(8 * 8 * 17 / 12).
        double p = RankTest.PValue([1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]);
        Assert.Equal(0.000939, p, 6);
        // Ties share their mean rank: U = 4 of 12.5 expected, variance 25 / 12 * (11 - 2 * 24 / 90), z = 8 / 4.67.
        Assert.Equal(0.086677, RankTest.PValue([1, 2, 2, 3, 4], [2, 4, 4, 5, 6]), 6);
        Assert.Equal(1, RankTest.PValue([5, 5, 5], [5, 5]));
    }

    [Fact]
    public void The_rank_test_does_not_mind_the_order_of_its_samples()
    {
        double[] x = [0.9, 1.2, 1.1, 1.4, 1.0, 1.3, 1.25, 0.95], y = [1.05, 1.5, 1.45, 1.6, 1.15, 1.35, 1.7, 1.55];
        Assert.Equal(RankTest.PValue(x, y), RankTest.PValue(y, x), 12);
        Assert.InRange(RankTest.PValue(x, y), 0.001, 0.1);
    }

    private static GateMeasurement Case(double[] ratios) => new("case", "OpenBLAS", ratios, 0);
}
