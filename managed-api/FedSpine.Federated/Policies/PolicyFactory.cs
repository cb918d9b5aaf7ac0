using System.Globalization;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Policies by the name that options and checkpoints use.</summary>
public static class PolicyFactory
{
    public static IReadOnlyList<string> Names { get; } = ["s-ucb", "e-ucb", "thompson", "epsilon-greedy", "random", "fixed", "oracle"];

    /// <summary>A policy with default constants.</summary>
    /// <param name="name">One of <see cref="Names"/>, or fixed:RATIO:RANK for one arm in all rounds.</param>
    /// <param name="space">Search space.</param>
    /// <param name="worth">Worth of an arm for a device, larger is better; only the oracle needs it.</param>
    /// <param name="classes">Class of each device, for the policies that learn: devices of a class share what they learn. Null: each alone.</param>
    /// <exception cref="InputException">Unknown name, an oracle without worth, or an impossible space or arm.</exception>
    public static IPolicy Create(
        string name, PolicySpace space, Func<int, Arm, double>? worth = null, IReadOnlyList<int>? classes = null) => name switch
    {
        "s-ucb" => new SUcbPolicy(space, classes: classes),
        "e-ucb" => new EUcbPolicy(space, classes: classes),
        "thompson" => new ThompsonPolicy(space, classes: classes),
        "epsilon-greedy" => new EpsilonGreedyPolicy(space, classes: classes),
        "random" => new RandomPolicy(space),
        "fixed" => new FixedPolicy(space),
        "oracle" => new OraclePolicy(space, worth ?? throw new InputException("policy 'oracle' is only for simulations that know every arm's worth")),
        _ when name.StartsWith("fixed:", StringComparison.Ordinal) => new FixedPolicy(space, ParseArm(name)),
        _ => throw new InputException($"unknown policy '{name}': expected {string.Join(", ", Names)} or fixed:RATIO:RANK"),
    };

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
