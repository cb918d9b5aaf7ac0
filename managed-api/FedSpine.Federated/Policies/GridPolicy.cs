namespace FedSpine.Federated.Policies;

/// <summary>Grid and memory of <see cref="ThompsonPolicy"/> and <see cref="EpsilonGreedyPolicy"/>.</summary>
public sealed record GridOptions
{
    /// <summary>Most cells along the ratio.</summary>
    public int RatioCells { get; init; } = 4;

    /// <summary>Most cells along log2 of the rank.</summary>
    public int RankCells { get; init; } = 3;

    /// <summary>Factor of counts per round played.</summary>
    public double Discount { get; init; } = 0.95;

    /// <summary>Standard deviation of a reward about its arm's mean, as Thompson sampling assumes it.</summary>
    public double Deviation { get; init; } = 0.1;

    /// <summary>Chance of a random arm in epsilon-greedy.</summary>
    public double Epsilon { get; init; } = 0.1;

    public RewardWeights Weights { get; init; } = new();
}

/// <summary>
/// Classical finite-armed bandits on a fixed grid over (p, log2 r), with the reward of S-UCB. Every arm starts from one imagined
/// play worth 0.5, where standardised rewards centre.
/// </summary>
public abstract class GridPolicy : BoxPolicy
{
    private const double PriorMean = 0.5;

    private protected GridPolicy(string name, PolicySpace space, GridOptions options, IReadOnlyList<int>? classes)
        : base(name, space, options.Discount, classes, options.RatioCells, options.RankCells) => Options = options;

    private protected GridOptions Options { get; }

    private protected static double PosteriorMean(ArmBox box) => (box.Count * box.Mean + PriorMean) / (box.Count + 1);

    private protected override double[] Reward(IReadOnlyList<DeviceOutcome> round) =>
        Rewards.Spine(round, Space.TargetRatio, Options.Weights);
}
