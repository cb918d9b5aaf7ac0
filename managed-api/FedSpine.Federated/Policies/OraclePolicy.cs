using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>
/// Knows what no real coordinator can: the simulation tells it every arm's worth for a device. It takes the best of 33 ratios
/// (fewer where a step is coarser) and all ranks; the smallest of equals.
/// </summary>
public sealed class OraclePolicy(PolicySpace space, Func<int, Arm, double> worth, RewardWeights? weights = null)
    : UnlearnedPolicy("oracle", space, weights)
{
    private const int RatioSteps = 32;

    public override Arm Select(int device, double ratioNow, int round, DeterministicRandom random)
    {
        double range = Math.Max(0, Space.TargetRatio - ratioNow);
        int steps = (int)Math.Clamp(Math.Floor(range / Math.Max(Space.RatioStep, range / RatioSteps)), 1, RatioSteps);
        var best = new Arm(ratioNow, Space.MinRank);
        double largest = double.NegativeInfinity;
        for (int i = 0; i <= steps; i++)
        {
            for (int rank = Space.MinRank; rank <= Space.MaxRank; rank++)
            {
                var arm = new Arm(i == steps ? Math.Max(ratioNow, Space.TargetRatio) : ratioNow + range * i / steps, rank);
                double value = worth(device, arm);
                if (value > largest)
                    (best, largest) = (arm, value);
            }
        }
        return best;
    }
}
