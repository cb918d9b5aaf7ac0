using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Constants of <see cref="SUcbPolicy"/>.</summary>
public sealed record SUcbOptions
{
    /// <summary>c, the weight of the confidence radius. Rewards are in [0, 1].</summary>
    public double Exploration { get; init; } = 0.04;

    /// <summary>nu, the reward's assumed variation over the whole space.</summary>
    public double Smoothness { get; init; } = 0.2;

    /// <summary>rho: the variation shrinks by this factor with every split.</summary>
    public double SmoothnessDecay { get; init; } = 0.6;

    /// <summary>Factor of counts per round played.</summary>
    public double Discount { get; init; } = 0.95;

    /// <summary>
    /// A box at depth d is split when its discounted count reaches SplitPlays * SplitGrowth^d; discounting bounds the sum of all
    /// counts, and so how fine the tree gets.
    /// </summary>
    public double SplitPlays { get; init; } = 1.5;

    public double SplitGrowth { get; init; } = 1.5;

    public RewardWeights Weights { get; init; } = new();
}

/// <summary>
/// Smooth upper confidence bound over (p, log2 r). Leaves of a binary tree of boxes are the arms; index of leaf j:
/// mean_j + c sqrt(ln(sum N) / N_j) + nu rho^depth_j, an unplayed leaf first. After enough plays for its depth a leaf is halved
/// along the longer normalised side, unless its halves would be finer than one head or 32 channels, or one rank; each child
/// inherits half the discounted count and the mean. The optimism for unexplored detail, nu rho^depth, is that of hierarchical
/// optimistic optimisation (Bubeck et al., JMLR 2011); discounting is Garivier and Moulines (ALT 2011). Named in arXiv 2501.02438.
/// </summary>
public sealed class SUcbPolicy(PolicySpace space, SUcbOptions? options = null, IReadOnlyList<int>? classes = null)
    : BoxPolicy("s-ucb", space, (options ?? new()).Discount, classes)
{
    private readonly SUcbOptions _options = options ?? new();

    private protected override ArmBox Choose(List<ArmBox> all, List<ArmBox> selectable, DeterministicRandom random)
    {
        double total = all.Sum(box => box.Count);
        return Largest(
            selectable,
            box => box.Mean + _options.Exploration * ConfidenceRadius(total, box.Count)
                + _options.Smoothness * Math.Pow(_options.SmoothnessDecay, box.Depth),
            random);
    }

    private protected override double[] Reward(IReadOnlyList<DeviceOutcome> round) => Rewards.Spine(round, Space.TargetRatio, _options.Weights);

    private protected override (ArmBox Low, ArmBox High)? Refine(ArmBox box, Arm arm, double reward)
    {
        if (box.Count < _options.SplitPlays * Math.Pow(_options.SplitGrowth, box.Depth) || Halve(box) is not var (low, high))
            return null;
        low.Count = high.Count = box.Count / 2;
        low.Mean = high.Mean = box.Mean;
        return (low, high);
    }

    private (ArmBox Low, ArmBox High)? Halve(ArmBox box)
    {
        double ratioWidth = box.RatioHigh - box.RatioLow;
        bool byRatio = ratioWidth >= 2 * Space.RatioStep && ratioWidth > 0, byRank = box.RankHigh - box.RankLow >= 2;
        if (byRatio && byRank)
            byRatio = ratioWidth / Space.TargetRatio >= box.RankWidth / Math.Log2((Space.MaxRank + 1.0) / Space.MinRank);
        if (byRatio)
            return box.SplitRatio(box.RatioLow + ratioWidth / 2);
        if (!byRank)
            return null;
        int middle = (int)Math.Round(Math.Sqrt((double)box.RankLow * box.RankHigh));
        return box.SplitRank(Math.Clamp(middle, box.RankLow + 1, box.RankHigh - 1));
    }
}
