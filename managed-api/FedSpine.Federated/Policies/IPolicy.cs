using System.Text.Json.Nodes;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>What the coordinator asks of a device in a round.</summary>
/// <param name="Ratio">p: fraction of the base's prunable parameters to be gone at the end of the round.</param>
/// <param name="Rank">r of the adapter.</param>
public readonly record struct Arm(double Ratio, int Rank);

/// <summary>What the coordinator saw of a device in a round. No hardware profile: only outcomes.</summary>
/// <param name="Device">Device number.</param>
/// <param name="Arm">What was asked.</param>
/// <param name="RatioBefore">The device's ratio when the round began.</param>
/// <param name="RatioReached">The ratio after the round; differs from Arm.Ratio by the granularity of heads and channels.</param>
/// <param name="LossBefore">Mean loss on the device's data before the round.</param>
/// <param name="LossAfter">The same after it.</param>
/// <param name="AdapterNorm">Frobenius norm of s B A over all modules.</param>
/// <param name="Seconds">Completion time: download, compute, upload.</param>
/// <param name="Flops">Floating-point operations of the round's training steps; 0: not reported.</param>
/// <param name="Bytes">Sent down and up; 0: not reported.</param>
public sealed record DeviceOutcome(
    int Device, Arm Arm, double RatioBefore, double RatioReached, double LossBefore, double LossAfter, double AdapterNorm, double Seconds,
    double Flops = 0, double Bytes = 0);

/// <summary>One box of a policy's search space, for reports: [RatioLow, RatioHigh) x [RankLow, RankHigh].</summary>
public sealed record ArmStatistics(
    double RatioLow, double RatioHigh, double RankLow, double RankHigh, int Depth, double Plays, double MeanReward, bool Masked);

/// <summary>Search space and target, shared by all policies.</summary>
/// <param name="TargetRatio">The sparsity every device is to reach.</param>
/// <param name="RatioStep">Finest useful difference in ratio: one head or 32 channels.</param>
/// <param name="MinRank">Smallest rank, at least 1.</param>
/// <param name="MaxRank">Largest rank.</param>
/// <param name="Devices">Number of devices.</param>
/// <param name="Rounds">Planned rounds.</param>
public sealed record PolicySpace(double TargetRatio, double RatioStep, int MinRank, int MaxRank, int Devices, int Rounds)
{
    /// <exception cref="InputException">A bound that no run can have.</exception>
    public void Check()
    {
        if (!(TargetRatio is >= 0 and <= 0.95))
            throw new InputException($"target sparsity is {TargetRatio}, expected 0 to 0.95");
        if (!(RatioStep >= 0))
            throw new InputException($"ratio step is {RatioStep}, expected 0 or more");
        if (MinRank < 1 || MaxRank < MinRank)
            throw new InputException($"ranks {MinRank} to {MaxRank}: expected 1 <= smallest <= largest");
        if (Devices < 1 || Rounds < 1)
            throw new InputException($"{Devices} devices, {Rounds} rounds: expected at least 1 of each");
    }
}

/// <summary>Picks each participant's pruning ratio and rank. Ratios never fall below what the device has already lost.</summary>
public interface IPolicy
{
    string Name { get; }

    /// <summary>
    /// Chooses for one device, in round 0 to Rounds - 1. <paramref name="ratioNow"/> is the smallest ratio that may be chosen: what the
    /// device has already pruned, or more where a deadline needs it. The answer lies in [ratioNow, max(ratioNow, target)].
    /// </summary>
    Arm Select(int device, double ratioNow, int round, DeterministicRandom random);

    /// <summary>Learns from a round; returns each outcome's reward in [0, 1], in the given order.</summary>
    IReadOnlyList<double> Observe(IReadOnlyList<DeviceOutcome> round);

    /// <summary>The device's arms as they stand, for reports; empty for policies without any.</summary>
    IReadOnlyList<ArmStatistics> Arms(int device);

    /// <summary>Everything learned, for checkpoints; <see cref="Restore"/> takes it back.</summary>
    JsonNode Save();

    void Restore(JsonNode state);
}
