using System.Globalization;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Policies by the name that options and checkpoints use.</summary>
public static class PolicyFactory
{
    public static IReadOnlyList<string> Names { get; } = ["structured-ucb", "s-ucb", "e-ucb", "thompson", "epsilon-greedy", "random", "fixed", "tiered", "oracle"];

    /// <summary>A policy with default constants.</summary>
    /// <param name="name">One of <see cref="Names"/>, or fixed:RATIO:RANK for one arm in all rounds.</param>
    /// <param name="space">Search space.</param>
    /// <param name="worth">Worth of an arm for a device, larger is better; the oracle and tiered need it.</param>
    /// <param name="classes">Class of each device, for the policies that learn: devices of a class share what they learn. Null: each alone.</param>
    /// <param name="weights">Of the reward's parts; null: the default. E-UCB has a reward of its own.</param>
    /// <exception cref="InputException">Unknown name, an oracle without worth, or an impossible space or arm.</exception>
    public static IPolicy Create(
        string name, PolicySpace space, Func<int, Arm, double>? worth = null, IReadOnlyList<int>? classes = null,
        RewardWeights? weights = null) => name switch
    {
        "s-ucb" => new SUcbPolicy(space, new SUcbOptions { Weights = weights ?? new() }, classes),
        "structured-ucb" => new StructuredUcbPolicy(space, new StructuredUcbOptions { Weights = weights ?? new() }, classes),
        "e-ucb" => new EUcbPolicy(space, classes: classes),
        "thompson" => new ThompsonPolicy(space, new GridOptions { Weights = weights ?? new() }, classes),
        "epsilon-greedy" => new EpsilonGreedyPolicy(space, new GridOptions { Weights = weights ?? new() }, classes),
        "random" => new RandomPolicy(space, weights),
        "fixed" => new FixedPolicy(space, weights: weights),
        "oracle" => new OraclePolicy(space, worth ?? throw OnlySimulated(name), weights),
        "tiered" => new TieredPolicy(space, worth ?? throw OnlySimulated(name), weights),
        _ when name.StartsWith("fixed:", StringComparison.Ordinal) => new FixedPolicy(space, ParseArm(name), weights),
        _ => throw new InputException($"unknown policy '{name}': expected {string.Join(", ", Names)} or fixed:RATIO:RANK"),
    };

    private static InputException OnlySimulated(string name) => new($"policy '{name}' is only for simulations that know every arm's worth");

    private static Arm ParseArm(string name)
    {
        string[] parts = name.Split(':');
        return parts.Length == 3
            && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double ratio)
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int rank)
            ? new Arm(ratio, rank)
            : throw new InputException($"policy '{name}': expected fixed:RATIO:RANK, such as fixed:0.5:16");
    }
}
