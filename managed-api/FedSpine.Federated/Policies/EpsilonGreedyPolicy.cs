using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>The grid cell with the largest mean, or with probability epsilon any cell.</summary>
public sealed class EpsilonGreedyPolicy(PolicySpace space, GridOptions? options = null, IReadOnlyList<int>? classes = null)
    : GridPolicy("epsilon-greedy", space, options ?? new(), classes)
{
    private protected override ArmBox Choose(List<ArmBox> all, List<ArmBox> selectable, DeterministicRandom random) =>
        random.NextDouble() < Options.Epsilon ? selectable[random.NextInt(selectable.Count)] : Largest(selectable, PosteriorMean, random);
}
