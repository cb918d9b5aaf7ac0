using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Tests.Policies;

public class RewardsTests
{
    private static readonly RewardWeights Weights = new();

    private static DeviceOutcome Outcome(
        double before = 1, double after = 0.5, double ratioBefore = 0, double ratioReached = 0.25, double norm = 2, double seconds = 10, int device = 0) =>
        new(device, new Arm(ratioReached, 8), ratioBefore, ratioReached, before, after, norm, seconds);

    [Fact]
    public void RawRewardIsTheFormula()
    {
        // Times 10 and 30: mean 20, both half a mean away. dL 0.5 and 0.2; dp 0.5 and (0.4 - 0.2) / 0.3; I 2/4 and 1.
        double[] raw = Rewards.SpineRaw([Outcome(), Outcome(2, 1.6, 0.2, 0.4, 4, 30)], 0.5, Weights);
        Assert.Equal((0.5 * 0.5 + 0.3 * 0.5 + 0.2 * 0.5) / 1.5, raw[0], 12);
        Assert.Equal((0.5 * 0.2 + 0.3 * (0.2 / 0.3) + 0.2 * 1) / 1.5, raw[1], 12);
    }

    [Fact]
    public void StandardisedRewardsAreHalfPlusAQuarterOfTheStandardScore()
    {
        // Mean 3, population deviation sqrt(8 / 3).
        double z = 2 / Math.Sqrt(8.0 / 3);
        double[] rewards = Rewards.Standardise([1, 3, 5]);
        Assert.Equal(0.5 - z / 4, rewards[0], 12);
        Assert.Equal(0.5, rewards[1], 12);
        Assert.Equal(0.5 + z / 4, rewards[2], 12);
        // One in ten: z = 3, beyond the end.
        Assert.Equal(1, Rewards.Standardise([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])[9]);
    }

    [Fact]
    public void ASingleParticipantGetsHalf() =>
        Assert.Equal([0.5], Rewards.Spine([Outcome()], 0.5, Weights));

    [Fact]
    public void EqualOutcomesGetHalfEach() =>
        Assert.Equal([0.5, 0.5, 0.5], Rewards.Spine([Outcome(), Outcome(), Outcome()], 0.5, Weights));

    [Fact]
    public void EqualTimesCostNothing()
    {
        double raw = Rewards.SpineRaw([Outcome(), Outcome(after: 0.9)], 0.5, Weights)[0];
        Assert.Equal(0.5 * 0.5 + 0.3 * 0.5 + 0.2, raw, 12);
    }

    [Fact]
    public void NoLossChangeStillRewardsPruning()
    {
        DeviceOutcome still = Outcome(after: 1, ratioReached: 0), pruned = Outcome(after: 1);
        double[] raw = Rewards.SpineRaw([still, pruned], 0.5, Weights);
        Assert.Equal(0.2, raw[0], 12);
        Assert.Equal(0.2 + 0.15, raw[1], 12);
    }

    [Fact]
    public void BeingOffTheMeanTimeCosts()
    {
        double[] rewards = Rewards.Spine([Outcome(seconds: 10), Outcome(seconds: 11), Outcome(seconds: 40)], 0.5, Weights);
        Assert.True(rewards[2] < rewards[0] && rewards[0] < rewards[1], string.Join(" ", rewards));
    }

    [Fact]
    public void LatenessNeverHelpsADeviceThatGotWorse()
    {
        DeviceOutcome onTime = Outcome(after: 3, ratioReached: 0, norm: 0, seconds: 20);
        double[] raw = Rewards.SpineRaw([onTime, onTime with { Seconds = 60 }, onTime with { Seconds = 20 }, onTime with { Seconds = 20 }], 0.5, Weights);
        Assert.True(raw[1] < raw[0], string.Join(" ", raw));
    }

    [Theory]
    [InlineData(1, double.NaN)]
    [InlineData(1, double.PositiveInfinity)]
    [InlineData(double.NaN, double.NaN)]
    public void ADivergedDeviceIsWorstAndRewardsStayFinite(double before, double after)
    {
        double[] rewards = Rewards.Spine(
            [Outcome(), Outcome(after: 0.9), Outcome(before, after, norm: double.NaN)], 0.5, Weights);
        Assert.All(rewards, r => Assert.InRange(r, 0, 1));
        Assert.Equal(rewards.Min(), rewards[2]);
    }

    [Fact]
    public void DegenerateInputsStayInRange()
    {
        DeviceOutcome[] round =
        [
            Outcome(before: 0, after: 0, norm: 0, seconds: 0), Outcome(before: 0, after: 5, ratioBefore: 0.5, ratioReached: 0.5),
            Outcome(ratioBefore: 0.6, ratioReached: 0.6), Outcome(before: double.NaN, after: 1, seconds: double.PositiveInfinity),
        ];
        Assert.All(Rewards.Spine(round, 0.5, Weights), r => Assert.InRange(r, 0, 1));
        Assert.All(Rewards.FedMp(round), r => Assert.InRange(r, 0, 1));
    }

    [Fact]
    public void NothingLeftToPruneCountsAsCovered() =>
        Assert.Equal(0.25 + 0.3 + 0.2, Rewards.SpineRaw([Outcome(ratioBefore: 0.5, ratioReached: 0.5)], 0.5, Weights)[0], 12);

    [Fact]
    public void FedMpDividesTheLossDecreaseByTheTimeDifference()
    {
        // Mean 20: 0.5 / 0.5 and 0.4 / 0.5; on time counts as 0.05.
        double[] raw = Rewards.FedMpRaw([Outcome(seconds: 10), Outcome(1, 0.6, seconds: 30), Outcome(seconds: 20)]);
        Assert.Equal(1, raw[0], 12);
        Assert.Equal(0.8, raw[1], 12);
        Assert.Equal(10, raw[2], 12);
    }
}
