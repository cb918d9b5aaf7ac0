using System.Text.Json.Nodes;
using CsCheck;
using FedSpine.Engine;
using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Tests.Policies;

public class PolicyInvariantTests
{
    private static readonly string[] Learning = ["s-ucb", "e-ucb", "thompson", "epsilon-greedy"];

    private static readonly Gen<PolicySpace> Spaces =
        from target in Gen.OneOf(Gen.Double[0.01, 0.95], Gen.Const(0.0))
        from step in Gen.OneOf(Gen.Double[0.001, 0.3], Gen.Const(0.0))
        from minRank in Gen.Int[1, 8]
        from more in Gen.Int[0, 56]
        select new PolicySpace(target, step, minRank, minRank + more, 3, 20);

    [Fact]
    public void BoxesPartitionTheSpaceAndCountsAddUp() =>
        Gen.Select(Spaces, Gen.Int[0, Learning.Length - 1], Gen.ULong).Sample(
            (space, which, seed) =>
            {
                var policy = (BoxPolicy)PolicyFactory.Create(Learning[which], space);
                var random = new DeterministicRandom(seed);
                double ratioNow = 0, total = 0;
                for (int t = 0; t < 60; t++)
                {
                    if (t % 12 == 11)
                        ratioNow += random.NextDouble() * (space.TargetRatio - ratioNow);
                    Arm arm = policy.Select(1, ratioNow, t, random);
                    Assert.InRange(arm.Ratio, ratioNow, space.TargetRatio);
                    Assert.InRange(arm.Rank, space.MinRank, space.MaxRank);
                    ArmStatistics played = Assert.Single(policy.Arms(1), box => Holds(box, space, arm.Ratio, arm.Rank));
                    Assert.False(played.Masked);

                    policy.Learn([(1, arm, random.NextDouble())]);
                    total = total * 0.95 + 1;
                    Assert.Equal(total, policy.Arms(1).Sum(box => box.Plays), 0.01);
                    Assert.All(policy.Arms(1), box => Assert.InRange(box.MeanReward, -1e-9, 1 + 1e-9));
                    CheckPartition(policy.Arms(1), space, random);
                }
                Assert.Equal(0, policy.Arms(0).Sum(box => box.Plays));
            },
            iter: 150);

    [Fact]
    public void EveryPolicyStaysWithinItsLimits() =>
        Gen.Select(Spaces, Gen.Int[0, PolicyFactory.Names.Count - 1], Gen.ULong).Sample(
            (space, which, seed) =>
            {
                IPolicy policy = PolicyFactory.Create(PolicyFactory.Names[which], space, (device, arm) => arm.Ratio - 0.1 * device * arm.Rank);
                var random = new DeterministicRandom(seed);
                for (int t = 0; t < 20; t++)
                {
                    // A device may have overshot the target by a head's worth.
                    double ratioNow = random.NextDouble(0, space.TargetRatio + 0.02);
                    Arm arm = policy.Select(t % 3, ratioNow, t, random);
                    Assert.InRange(arm.Ratio, ratioNow, Math.Max(ratioNow, space.TargetRatio));
                    Assert.InRange(arm.Rank, space.MinRank, space.MaxRank);
                    Assert.Equal([0.5], policy.Observe([Outcome(t % 3, arm, ratioNow, random)]));
                }
            },
            iter: 300);

    [Theory]
    [InlineData("s-ucb")]
    [InlineData("structured-ucb")]
    [InlineData("e-ucb")]
    [InlineData("thompson")]
    [InlineData("epsilon-greedy")]
    [InlineData("random")]
    [InlineData("fixed")]
    public void ARestoredPolicyContinuesIdentically(string name)
    {
        PolicySpace space = new(0.5, 0.02, 2, 16, 3, 40);
        IPolicy first = PolicyFactory.Create(name, space);
        var random = new DeterministicRandom(7);
        Play(first, 0, 25, random);

        IPolicy second = PolicyFactory.Create(name, space);
        second.Restore(JsonNode.Parse(first.Save().ToJsonString())!);
        var again = new DeterministicRandom(0) { State = random.State };
        Assert.Equal(Play(first, 25, 40, random), Play(second, 25, 40, again));
        Assert.Equal(first.Save().ToJsonString(), second.Save().ToJsonString());
        Assert.Equal(first.Arms(2), second.Arms(2));

        IPolicy third = PolicyFactory.Create(name, space);
        third.Restore(first.Save());    // without a round trip through text
        Assert.Equal(first.Save().ToJsonString(), third.Save().ToJsonString());
    }

    [Fact]
    public void DevicesOfAClassLearnTogether()
    {
        PolicySpace space = new(0.5, 0.02, 2, 16, 3, 40);
        var policy = (BoxPolicy)PolicyFactory.Create("s-ucb", space, classes: [0, 1, 0]);
        policy.Learn([(0, new Arm(0.1, 4), 0.8), (2, new Arm(0.4, 8), 0.2)]);
        // One round for the class: no discount between its two devices.
        Assert.Equal(2, policy.Arms(0).Sum(box => box.Plays), 12);
        Assert.Equal(policy.Arms(0), policy.Arms(2));
        Assert.Equal(0, policy.Arms(1).Sum(box => box.Plays));
    }

    [Fact]
    public void TheFixedRampIsCubicAndEndsAtTheTarget()
    {
        IPolicy policy = PolicyFactory.Create("fixed", new PolicySpace(0.5, 0.02, 2, 16, 1, 4));
        var random = new DeterministicRandom(1);
        Assert.Equal(new Arm(0.5 * (1 - 0.75 * 0.75 * 0.75), 16), policy.Select(0, 0, 0, random));
        Assert.Equal(new Arm(0.5, 16), policy.Select(0, 0, 3, random));
        Assert.Equal(new Arm(0.48, 16), policy.Select(0, 0.48, 0, random));
    }

    [Fact]
    public void AFixedArmIsKept()
    {
        IPolicy policy = PolicyFactory.Create("fixed:0.25:4", new PolicySpace(0.5, 0.02, 2, 16, 1, 4));
        Assert.Equal(new Arm(0.25, 4), policy.Select(0, 0, 0, new DeterministicRandom(1)));
        Assert.Equal(new Arm(0.3, 4), policy.Select(0, 0.3, 3, new DeterministicRandom(1)));
    }

    [Theory]
    [InlineData("ucb", "unknown policy 'ucb': expected structured-ucb, s-ucb, e-ucb, thompson, epsilon-greedy, random, fixed, tiered, oracle or fixed:RATIO:RANK")]
    [InlineData("fixed:a:4", "policy 'fixed:a:4': expected fixed:RATIO:RANK")]
    [InlineData("fixed:0.9:4", "fixed arm of ratio 0.9 and rank 4")]
    [InlineData("fixed:0.5:64", "fixed arm of ratio 0.5 and rank 64")]
    [InlineData("oracle", "policy 'oracle' is only for simulations")]
    public void ABadNameIsOneClearLine(string name, string message) =>
        Assert.Contains(message, Assert.Throws<InputException>(() => PolicyFactory.Create(name, new PolicySpace(0.5, 0.02, 2, 16, 1, 4))).Message);

    [Theory]
    [InlineData(double.NaN, 1, 4, 1)]
    [InlineData(0.96, 1, 4, 1)]
    [InlineData(0.5, 0, 4, 1)]
    [InlineData(0.5, 8, 4, 1)]
    [InlineData(0.5, 1, 4, 0)]
    public void AnImpossibleSpaceIsRefused(double target, int minRank, int maxRank, int devices) =>
        Assert.Throws<InputException>(() => PolicyFactory.Create("s-ucb", new PolicySpace(target, 0.02, minRank, maxRank, devices, 4)));

    [Theory]
    [InlineData("""{}""", "policy is missing")]
    [InlineData("""{"policy":"e-ucb"}""", "the saved policy is 'e-ucb', this run uses 's-ucb'")]
    [InlineData("""{"policy":"s-ucb","ratio":[]}""", "ratio is not an array of 1 numbers")]
    [InlineData("""{"policy":"s-ucb","ratio":[0],"boxes":[]}""", "0 sets of arms, this run has 1")]
    [InlineData("""{"policy":"s-ucb","ratio":[0],"boxes":[[]]}""", "boxes[0] is not a list of boxes")]
    [InlineData("""{"policy":"s-ucb","ratio":[0],"boxes":[[{"ratioLow":"x"}]]}""", "ratioLow is not a number")]
    [InlineData("""{"policy":"s-ucb","ratio":[0],"boxes":[[{"ratioLow":0,"ratioHigh":1,"rankLow":1.5}]]}""", "rankLow is 1.5, expected an integer")]
    public void ADamagedStateIsOneClearLine(string json, string message)
    {
        IPolicy policy = PolicyFactory.Create("s-ucb", new PolicySpace(0.5, 0.02, 2, 16, 1, 4));
        Assert.Contains(message, Assert.Throws<InputException>(() => policy.Restore(JsonNode.Parse(json)!)).Message);
    }

    [Fact]
    public void AStateOfOtherLimitsIsRefused()
    {
        PolicySpace space = new(0.5, 0.02, 2, 16, 1, 4);
        JsonNode saved = PolicyFactory.Create("thompson", space).Save();
        Assert.All(
            (PolicySpace[])[space with { TargetRatio = 0.6 }, space with { TargetRatio = 0.4 }, space with { MaxRank = 8 }, space with { MinRank = 1 }],
            other => Assert.Contains(
                "does not cover ratios 0 to", Assert.Throws<InputException>(() => PolicyFactory.Create("thompson", other).Restore(saved)).Message));
    }

    private static List<(Arm, double)> Play(IPolicy policy, int from, int to, DeterministicRandom random)
    {
        var trace = new List<(Arm, double)>();
        for (int t = from; t < to; t++)
        {
            double ratioNow = 0.5 * t / 40;
            DeviceOutcome[] round = [.. Enumerable.Range(0, 3).Select(d => Outcome(d, policy.Select(d, ratioNow, t, random), ratioNow, random))];
            trace.AddRange(round.Select(o => o.Arm).Zip(policy.Observe(round)));
        }
        return trace;
    }

    private static DeviceOutcome Outcome(int device, Arm arm, double ratioNow, DeterministicRandom random) =>
        new(device, arm, ratioNow, arm.Ratio, 1, random.NextDouble(), random.NextDouble(), 1 + random.NextDouble());

    private static bool Holds(ArmStatistics box, PolicySpace space, double ratio, int rank) =>
        rank >= box.RankLow && rank < box.RankHigh && ratio >= box.RatioLow
        && (ratio < box.RatioHigh || box.RatioHigh == space.TargetRatio && ratio == space.TargetRatio);

    private static void CheckPartition(IReadOnlyList<ArmStatistics> boxes, PolicySpace space, DeterministicRandom random)
    {
        for (int i = 0; i < 10; i++)
        {
            double ratio = i == 0 ? space.TargetRatio : random.NextDouble(0, space.TargetRatio);
            int rank = space.MinRank + random.NextInt(space.MaxRank - space.MinRank + 1);
            Assert.Single(boxes, box => Holds(box, space, ratio, rank));
        }
        double area = boxes.Sum(box => (box.RatioHigh - box.RatioLow) * (box.RankHigh - box.RankLow));
        Assert.Equal(space.TargetRatio * (space.MaxRank + 1 - space.MinRank), area, 1e-9);
        if (boxes.Count > 1)
            Assert.All(boxes, box => Assert.True(box.RatioHigh - box.RatioLow >= space.RatioStep - 1e-12 || space.TargetRatio < space.RatioStep));
    }
}
