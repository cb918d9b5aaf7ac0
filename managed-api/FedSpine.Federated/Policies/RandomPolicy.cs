using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Uniform over what can still be reached in (p, log2 r).</summary>
public sealed class RandomPolicy(PolicySpace space, RewardWeights? weights = null) : UnlearnedPolicy("random", space, weights)
{
    private readonly ArmBox _whole = ArmBox.Grid(space, 1, 1)[0];

    public override Arm Select(int device, double ratioNow, int round, DeterministicRandom random) => _whole.Draw(ratioNow, Space, random);
}
