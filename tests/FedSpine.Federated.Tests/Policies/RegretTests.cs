using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Tests.Policies;

public class RegretTests
{
    private const int Seeds = 20;

    private static readonly Dictionary<string, RewardSurface> Surfaces = new()
    {
        ["interior"] = RewardSurface.Interior,
        ["corner"] = RewardSurface.Corner,
        ["noisy"] = RewardSurface.Interior with { Noise = 0.25 },
        ["settling"] = RewardSurface.Settling,
        ["drifting"] = RewardSurface.Drifting,
    };

    [Theory]
    [InlineData("interior")]
    [InlineData("corner")]
    [InlineData("noisy")]
    [InlineData("settling")]
    public void RegretOfSUcbGrowsSlowerThanLinearly(string surface)
    {
        double[] regret = MeanRegret(Surfaces[surface], "s-ucb");
        int quarter = regret.Length / 4;
        double first = regret[..quarter].Average(), last = regret[^quarter..].Average();
        Assert.True(last < 0.75 * first, $"regret per play {first:F3} in the first quarter, {last:F3} in the last");
        double exponent = GrowthExponent(regret);
        Assert.True(exponent < 0.9, $"cumulated regret grows as plays^{exponent:F2}");
    }

    [Theory]
    [InlineData("interior")]
    [InlineData("corner")]
    [InlineData("noisy")]
    [InlineData("settling")]
    [InlineData("drifting")]
    public void SUcbBeatsRandomAndFixed(string name)
    {
        RewardSurface surface = Surfaces[name];
        double spine = MeanRegret(surface, "s-ucb").Sum();
        foreach (string baseline in (string[])["random", "fixed"])
        {
            double other = MeanRegret(surface, baseline).Sum();
            Assert.True(spine < 0.6 * other, $"s-ucb {spine:F1}, {baseline} {other:F1}");
        }
        // One arm for ever, had it been picked blindly.
        double blind = 0;
        for (int i = 0; i < 5; i++)
            for (int rank = 1; rank <= 16; rank *= 2)
                blind += surface.Play(space => new FixedPolicy(space, new Arm(0.08 + 0.16 * i, rank)), 0).Sum() / 25;
        Assert.True(spine < 0.6 * blind, $"s-ucb {spine:F1}, a blindly fixed arm {blind:F1}");
    }

    [Theory]
    [InlineData("e-ucb")]
    [InlineData("thompson")]
    [InlineData("epsilon-greedy")]
    public void OtherBanditsLearn(string policy)
    {
        double[] regret = MeanRegret(RewardSurface.Interior, policy);
        int quarter = regret.Length / 4;
        Assert.True(regret[^quarter..].Average() < regret[..quarter].Average());
        Assert.True(regret.Sum() < 0.75 * MeanRegret(RewardSurface.Interior, "random").Sum());
    }

    [Fact]
    public void NobodyBeatsTheOracle()
    {
        double[] regret = RewardSurface.Interior.Play(space => PolicyFactory.Create("oracle", space, (_, arm) => RewardSurface.Interior.Mean(arm, 0)), 0);
        Assert.True(regret.Average() < 0.03, $"{regret.Average():F3} a play");
    }

    private static double[] MeanRegret(RewardSurface surface, string policy)
    {
        var mean = new double[RewardSurface.Space.Rounds];
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            double[] regret = surface.Play(space => PolicyFactory.Create(policy, space), seed);
            for (int t = 0; t < mean.Length; t++)
                mean[t] += regret[t] / Seeds;
        }
        return mean;
    }

    /// <summary>Slope of log cumulated regret over log plays, least squares, after the first 20 plays.</summary>
    private static double GrowthExponent(double[] regret)
    {
        double total = regret[..20].Sum(), n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
        for (int t = 20; t < regret.Length; t++)
        {
            total += regret[t];
            double x = Math.Log(t + 1), y = Math.Log(total);
            (n, sx, sy, sxx, sxy) = (n + 1, sx + x, sy + y, sxx + x * x, sxy + x * y);
        }
        return (n * sxy - sx * sy) / (n * sxx - sx * sx);
    }
}
