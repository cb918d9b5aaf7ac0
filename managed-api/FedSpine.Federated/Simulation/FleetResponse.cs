using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Simulation;

/// <summary>How a <see cref="SyntheticFleet"/>'s devices answer to an arm: what training would have done, in the mean, and how far single rounds stray.</summary>
public abstract class FleetResponse
{
    /// <summary>Standard deviation of the relative loss decrease.</summary>
    public abstract double LossNoise { get; }

    /// <summary>The same of the adapter's norm, relative to it.</summary>
    public abstract double NormNoise { get; }

    /// <summary>Relative loss decrease of a round, and the adapter's norm over the round's largest.</summary>
    /// <param name="time">Share of the rounds gone by.</param>
    public abstract (double LossDecrease, double Norm) Of(Arm arm, double before, double time);

    /// <summary>Operations of a round's training.</summary>
    public abstract double Flops(Arm arm, double before);

    /// <summary>Down and up.</summary>
    public abstract double Bytes(Arm arm);
}

/// <summary>
/// By formulas: a round's loss falls by 0.02 + 0.28 exp(-4 t) (0.6 + 0.4 v) - 0.35 d^2 - 0.05 u (1 - v), the adapter's norm is
/// (0.4 + 0.6 sqrt(r / R)) (1 - 0.3 u): t the share of the rounds gone by, u the ratio over the target, d the step in it, v the rank
/// on its log axis. Work is that of the bundled encoder.
/// </summary>
public sealed class FormulaResponse(PolicySpace space) : FleetResponse
{
    /// <summary>Of the bundled encoder: 60 steps on 16 sentences of 64 tokens; an adapter's row pairs over all its modules, in bytes.</summary>
    private const double FlopsUnpruned = 9.7e10, BytesPerRank = 36_800;

    public override double LossNoise => 0.03;

    public override double NormNoise => 0.1;

    public override (double LossDecrease, double Norm) Of(Arm arm, double before, double time)
    {
        double target = Math.Max(space.TargetRatio, 1e-9), u = arm.Ratio / target, d = (arm.Ratio - before) / target;
        double v = space.MaxRank == space.MinRank ? 1 : Math.Log2((double)arm.Rank / space.MinRank) / Math.Log2((double)space.MaxRank / space.MinRank);
        double loss = 0.02 + 0.28 * Math.Exp(-4.0 * time) * (0.6 + 0.4 * v) - 0.35 * d * d - 0.05 * u * (1 - v);
        return (loss, (0.4 + 0.6 * Math.Sqrt((double)arm.Rank / space.MaxRank)) * (1 - 0.3 * u));
    }

    public override double Flops(Arm arm, double before) => FlopsUnpruned * (1 - (before + arm.Ratio) / 2);

    /// <summary>Half of an adapter's rows and columns are those of heads and channels.</summary>
    public override double Bytes(Arm arm) => 2 * BytesPerRank * arm.Rank * (1 - arm.Ratio / 2);
}
