using CsCheck;
using FedSpine.Engine;
using FedSpine.Federated.Comparison;

namespace FedSpine.Federated.Tests.Comparison;

public class PairedDifferenceTests
{
    [Fact]
    public void A_known_example()
    {
        // Differences 1, 2, 3, 4: mean 2.5, s = 1.290994, s / 2 = 0.645497, t(0.975, 3) = 3.182446.
        var d = PairedDifference.Of([1, 2, 3, 4]);
        Assert.Equal((4, 2.5), (d.Pairs, d.Mean));
        Assert.Equal(2.05426, d.Margin!.Value, 3);
        Assert.Equal("better", d.Verdict);
        Assert.Equal("ours is better than theirs by 2.50 points", d.Words("ours", "theirs"));
    }

    [Theory]
    [InlineData(new double[] { -1, -2, -3, -4 }, "worse")]
    [InlineData(new double[] { -1, 2, -3, 4 }, "noise")]
    [InlineData(new double[] { 0, 0 }, "equal")]
    [InlineData(new double[] { 5 }, "unknown")]
    [InlineData(new double[] { }, "unknown")]
    public void A_difference_smaller_than_noise_is_called_noise(double[] differences, string verdict)
    {
        var d = PairedDifference.Of(differences);
        Assert.Equal(verdict, d.Verdict);
        Assert.Equal(verdict == "noise", d.Words("a", "b").Contains("which is noise"));
    }

    [Theory]
    [InlineData(1, 12.706)]
    [InlineData(2, 4.303)]
    [InlineData(14, 2.145)]
    [InlineData(31, 2.0395)]
    [InlineData(60, 2.0003)]
    [InlineData(1000, 1.9623)]
    public void Students_quantiles(int freedom, double expected) => Assert.Equal(expected, StudentT.Quantile975(freedom), 3);

    [Fact]
    public void The_interval_of_pure_noise_holds_zero_in_95_of_100()
    {
        // A property of the method, not of one sample: 4,000 experiments of five pairs without any difference.
        var random = new DeterministicRandom(9);
        int outside = 0;
        for (int i = 0; i < 4000; i++)
            outside += PairedDifference.Of([.. Enumerable.Range(0, 5).Select(_ => random.NextGaussian())]).Verdict == "noise" ? 0 : 1;
        Assert.InRange(outside / 4000.0, 0.04, 0.06);
    }

    [Fact]
    public void Swapping_the_two_mirrors_the_verdict() => Gen.Double[-5, 5].Array[2, 8].Sample(values =>
    {
        var (one, other) = (PairedDifference.Of(values), PairedDifference.Of([.. values.Select(v => -v)]));
        Assert.Equal(-one.Mean, other.Mean, 1e-12);
        Assert.Equal(one.Margin!.Value, other.Margin!.Value, 1e-12);
        string mirrored = one.Verdict switch { "better" => "worse", "worse" => "better", var same => same };
        Assert.Equal(mirrored, other.Verdict);
    });
}
