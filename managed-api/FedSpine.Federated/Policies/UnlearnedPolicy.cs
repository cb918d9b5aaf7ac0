using System.Text.Json.Nodes;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>A policy that chooses without learning; rewards are computed as for S-UCB, for comparison.</summary>
public abstract class UnlearnedPolicy : IPolicy
{
    private protected UnlearnedPolicy(string name, PolicySpace space, RewardWeights? weights)
    {
        space.Check();
        (Name, Space, Weights) = (name, space, weights ?? new RewardWeights());
    }

    public string Name { get; }

    private protected PolicySpace Space { get; }

    private protected RewardWeights Weights { get; }

    public abstract Arm Select(int device, double ratioNow, int round, DeterministicRandom random);

    public IReadOnlyList<double> Observe(IReadOnlyList<DeviceOutcome> round) => Rewards.Spine(round, Space.TargetRatio, Weights);

    public IReadOnlyList<ArmStatistics> Arms(int device) => [];

    public JsonNode Save() => new JsonObject { ["policy"] = Name };

    public void Restore(JsonNode state) => PolicyState.CheckName(state, Name);
}
