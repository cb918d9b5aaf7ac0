using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>
/// The same for every device: given an arm, that arm in every round; without one, the largest rank and a cubic ramp to the target,
/// p = target (1 - (1 - (t + 1) / rounds)^3) in round t (Zhu and Gupta, 2017).
/// </summary>
public sealed class FixedPolicy : UnlearnedPolicy
{
    private readonly Arm? _arm;

    public FixedPolicy(PolicySpace space, Arm? arm = null, RewardWeights? weights = null)
        : base("fixed", space, weights)
    {
        if (arm is { } given && !(given.Ratio >= 0 && given.Ratio <= space.TargetRatio && given.Rank >= space.MinRank && given.Rank <= space.MaxRank))
            throw new InputException($"fixed arm of ratio {given.Ratio} and rank {given.Rank}: expected a ratio of 0 to {space.TargetRatio} "
                + $"and a rank of {space.MinRank} to {space.MaxRank}");
        _arm = arm;
    }

    public override Arm Select(int device, double ratioNow, int round, DeterministicRandom random)
    {
        if (_arm is { } arm)
            return arm with { Ratio = Math.Max(ratioNow, arm.Ratio) };
        return new Arm(Math.Max(ratioNow, Ramp(Space, round)), Space.MaxRank);
    }

    internal static double Ramp(PolicySpace space, int round)
    {
        double left = 1 - Math.Min(round + 1.0, space.Rounds) / space.Rounds;
        return space.TargetRatio * (1 - left * left * left);
    }
}
