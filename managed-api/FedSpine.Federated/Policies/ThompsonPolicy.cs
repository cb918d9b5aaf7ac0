using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Thompson sampling with a Gaussian posterior per grid cell: the cell whose sampled mean is largest is played.</summary>
public sealed class ThompsonPolicy(PolicySpace space, GridOptions? options = null, IReadOnlyList<int>? classes = null)
    : GridPolicy("thompson", space, options ?? new(), classes)
{
    private protected override ArmBox Choose(List<ArmBox> all, List<ArmBox> selectable, DeterministicRandom random) => Largest(
        selectable,
        box => PosteriorMean(box) + Options.Deviation / Math.Sqrt(box.Count + 1) * random.NextGaussian(),
        random);
}
