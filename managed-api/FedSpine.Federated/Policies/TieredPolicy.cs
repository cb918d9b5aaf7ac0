using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>
/// Ranks by how fast the devices are known to be, as HetLoRA has them (Cho et al., EMNLP 2024): the slowest gets the smallest, the
/// fastest the largest, geometric steps between the speeds that differ. Ratios are those of <see cref="FixedPolicy"/>. Not for
/// comparing what policies learn: it is told what they have to find out.
/// </summary>
public sealed class TieredPolicy : UnlearnedPolicy
{
    private readonly int[] _ranks; // (Devices)

    /// <param name="space">Search space.</param>
    /// <param name="worth">Larger for a device that does the same work in less time.</param>
    /// <param name="weights">Of the rewards that are reported.</param>
    public TieredPolicy(PolicySpace space, Func<int, Arm, double> worth, RewardWeights? weights = null)
        : base("tiered", space, weights)
    {
        double[] speeds = [.. Enumerable.Range(0, space.Devices).Select(d => worth(d, new Arm(0, space.MaxRank)))];
        double[] tiers = [.. speeds.Distinct().Order()];
        _ranks = [.. speeds.Select(s => RankOf(Array.IndexOf(tiers, s), tiers.Length))];
    }

    public override Arm Select(int device, double ratioNow, int round, DeterministicRandom random) =>
        new(Math.Max(ratioNow, FixedPolicy.Ramp(Space, round)), _ranks[device]);

    private int RankOf(int tier, int tiers) => tiers == 1 ? Space.MaxRank
        : (int)Math.Round(Space.MinRank * Math.Pow((double)Space.MaxRank / Space.MinRank, (double)tier / (tiers - 1)));
}
