using CsCheck;
using FedSpine.Federated.Reporting.Plots;

namespace FedSpine.Federated.Tests.Reporting;

public class ScaleTests
{
    [Fact]
    public void Nice_scales_hold_their_data_and_have_readable_ticks() =>
        Gen.Double[-1e6, 1e6].Select(Gen.Double[0, 1e6]).Sample((low, range) =>
        {
            var scale = Scale.Nice(low, low + range);
            Assert.InRange(scale.Position(low), -1e-6, 1 + 1e-6);
            Assert.InRange(scale.Position(low + range), -1e-6, 1 + 1e-6);
            Assert.InRange(scale.Ticks.Count, 2, 12);
            Assert.Equal(scale.Ticks.Count, scale.Ticks.Select(scale.Format).Distinct().Count());
        });

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 5)]
    [InlineData(-3, -3)]
    [InlineData(1e-9, 1e-9)]
    public void A_single_value_still_makes_a_scale(double low, double high)
    {
        foreach (var scale in new[] { Scale.Nice(low, high), Scale.Exact(low, high) })
            Assert.True(double.IsFinite(scale.Position(low)) && scale.Ticks.Count > 0);
    }

    [Fact]
    public void Round_axes_have_whole_ticks_that_start_with_the_first_round()
    {
        Assert.Equal([1.0], Scale.Whole(1, 1, 0.5).Ticks);
        Assert.Equal([1.0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50], Scale.Whole(1, 50, 0.5).Ticks);
        Assert.Equal([0.0, 1, 2, 3], Scale.Whole(0, 3, 0).Ticks);
    }

    [Fact]
    public void Logarithmic_scales_double_in_equal_steps()
    {
        var ranks = Scale.Log2(2, 16);
        Assert.Equal([2.0, 4, 8, 16], ranks.Ticks);
        Assert.Equal(1 / 3.0, ranks.Position(4), 1e-12);
        Assert.Equal([5.0, 10, 20, 50, 100, 200], Scale.Log10(7, 120).Ticks);
    }
}
