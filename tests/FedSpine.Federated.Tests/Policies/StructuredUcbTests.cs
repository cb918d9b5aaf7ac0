using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Policies;

public class StructuredUcbTests
{
    private static readonly PolicySpace Space = new(0.5, 0.01, 4, 16, 24, 30);

    /// <summary>Seconds a FLOP and a byte of three devices that differ ninefold.</summary>
    private static readonly (double Flop, double Byte)[] Devices = [(3, 1), (1, 2), (9, 0.5)];

    [Fact]
    public void A_linear_device_is_recovered_from_its_own_times()
    {
        var policy = new StructuredUcbPolicy(Space with { Devices = 3 });
        Feed(policy, 20, [0, 1, 2]);
        for (int device = 0; device < 3; device++)
        {
            foreach (var arm in (Arm[])[new(0.5, 16), new(0.3, 4), new(0.45, 8)])
                Assert.Equal(Seconds(device, arm), policy.ExpectedSeconds(device, 0.2, arm), 0.05 * Seconds(device, arm));
        }
    }

    [Fact]
    public void A_device_that_has_not_played_is_taken_for_one_of_its_class()
    {
        int[] classes = [0, 1, 2, 2];
        var policy = new StructuredUcbPolicy(Space with { Devices = 4 }, classes: classes);
        Feed(policy, 20, [0, 1, 2]);
        var arm = new Arm(0.4, 8);
        Assert.Equal(policy.ExpectedSeconds(2, 0.2, arm), policy.ExpectedSeconds(3, 0.2, arm));
        Assert.NotEqual(policy.ExpectedSeconds(1, 0.2, arm), policy.ExpectedSeconds(3, 0.2, arm), 0.1);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.5)]
    public void Its_regret_is_far_below_that_of_chance_and_of_trees(double participation)
    {
        double structured = MeanRegret("structured-ucb", participation);
        foreach (string other in (string[])["random", "s-ucb", "thompson"])
            Assert.True(structured < 0.5 * MeanRegret(other, participation), $"{structured:F4}, {other} {MeanRegret(other, participation):F4}");
        Assert.True(MeanRegret("oracle", participation) < structured);
    }

    [Fact]
    public void The_same_seed_plays_the_same_rounds_and_another_does_not()
    {
        SyntheticPlay Run(ulong seed) => new SyntheticFleet(Space, "jetson", 0.5, seed).Play(_ => new StructuredUcbPolicy(Space), withRegret: true);
        Assert.Equal(Run(1).Regret, Run(1).Regret);
        Assert.NotEqual(Run(1).Regret, Run(2).Regret);
        Assert.Equal(Space.TargetRatio, Run(1).MeanRatio, 1e-9);
    }

    [Fact]
    public void State_does_not_grow_with_the_rounds()
    {
        static int Numbers(IPolicy policy) => policy.Save().ToJsonString().Count(c => c == ',');
        IPolicy After(int rounds) => new SyntheticFleet(Space with { Rounds = rounds }, "jetson", 1, 1).Play(_ => new StructuredUcbPolicy(Space), withRegret: false).Policy;
        Assert.Equal(Numbers(After(5)), Numbers(After(30)));
    }

    [Fact]
    public void A_diverged_device_teaches_nothing()
    {
        var policy = new StructuredUcbPolicy(Space);
        string before = policy.Save().ToJsonString();
        policy.Observe([new DeviceOutcome(0, new Arm(0.2, 8), 0, 0.2, 1, double.NaN, double.NaN, 1)]);
        Assert.Equal(before, policy.Save().ToJsonString());
        Assert.Throws<InputException>(() => policy.Restore(new JsonObject { ["policy"] = "structured-ucb" }));
    }

    [Fact]
    public void Devices_that_choose_at_once_do_not_all_choose_alike()
    {
        // Everyone once played everything and since then rank 16: what is known of rank 4 is old and uncertain, and the same for all.
        var policy = new StructuredUcbPolicy(Space);
        for (int t = 0; t < 8; t++)
        {
            policy.Observe([.. Enumerable.Range(0, Space.Devices).Select(device =>
                new DeviceOutcome(device, new Arm(0.5, t == 0 ? 4 + device % 13 : 16), 0.5, 0.5, 1, device % 2 == 0 ? 0.5 : 0.7, 1, 1))]);
        }

        var ranks = Enumerable.Range(0, Space.Devices).Select(device => policy.Select(device, 0.5, 8, new DeterministicRandom(7, (ulong)device)).Rank).ToList();
        Assert.True(ranks.Distinct().Count() > 1, $"all chose rank {ranks[0]}");
        Assert.Equal(0.5, policy.Select(0, 0.5, 8, new DeterministicRandom(7)).Ratio);
    }

    [Fact]
    public void It_tells_where_it_played()
    {
        var policy = new StructuredUcbPolicy(Space);
        DeviceOutcome Play(int device, double ratio, int rank, double seconds) => new(device, new Arm(ratio, rank), 0, ratio, 1, 0.5, 1, seconds);
        var rewards = policy.Observe([Play(0, 0.25, 8, 1), Play(1, 0.5, 16, 1)]);
        var again = policy.Observe([Play(0, 0.25, 8, 2), Play(1, 0.5, 4, 1)]);
        var box = Assert.Single(policy.Arms(0));
        Assert.True(box.RatioLow <= 0.25 && 0.25 < box.RatioHigh && box.RankLow <= 8 && 8 < box.RankHigh);
        Assert.Equal((2, (rewards[0] + again[0]) / 2), (box.Plays, box.MeanReward), (a, b) => a.Item1 == b.Item1 && Math.Abs(a.Item2 - b.Item2) < 1e-6);
        Assert.Equal([(4, 1), (16, 1)], policy.Arms(1).Select(a => (a.RankLow < 8 ? (int)a.RankLow : (int)Math.Round(a.RankHigh), (int)a.Plays)));
        Assert.Empty(policy.Arms(2));
        var restored = new StructuredUcbPolicy(Space);
        restored.Restore(policy.Save());
        Assert.Equal(policy.Arms(0), restored.Arms(0));
    }

    private static double MeanRegret(string name, double participation) => Enumerable.Range(1, 3).Average(seed =>
        new SyntheticFleet(Space, "jetson", participation, (ulong)seed).Play(worth => PolicyFactory.Create(name, Space, worth), withRegret: true).Regret.Average());

    private static void Feed(StructuredUcbPolicy policy, int rounds, int[] devices)
    {
        var random = new DeterministicRandom(5);
        for (int t = 0; t < rounds; t++)
        {
            policy.Observe([.. devices.Select(device =>
            {
                var arm = new Arm(random.NextDouble(0.2, 0.5), 4 + random.NextInt(13));
                return new DeviceOutcome(device, arm, 0.2, arm.Ratio, 1, 0.9, 1, Seconds(device, arm), Flops(arm), Bytes(arm));
            })]);
        }
    }

    private static double Seconds(int device, Arm arm) => Devices[device].Flop * Flops(arm) + Devices[device].Byte * Bytes(arm);

    private static double Flops(Arm arm) => 1 - (0.2 + arm.Ratio) / 2;

    private static double Bytes(Arm arm) => arm.Rank * (1 - arm.Ratio / 2) / 16;
}
