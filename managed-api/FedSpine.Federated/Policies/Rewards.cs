namespace FedSpine.Federated.Policies;

/// <summary>Shares of a device's quality q = Loss dL + Pruning dp + Importance I; they need not add up to 1.</summary>
public sealed record RewardWeights(double Loss = 0.5, double Pruning = 0.3, double Importance = 0.2);

/// <summary>
/// What a round was worth, from outcomes alone. Raw rewards are standardised over the round's participants, because loss falls
/// and times differ from round to round: only the comparison within a round tells an arm's worth.
/// </summary>
public static class Rewards
{
    private const double SmallestLoss = 1e-8;

    /// <summary>|T - mean T| / mean T below this counts as on time, or FedMP's quotient would reward luck without bound.</summary>
    private const double OnTime = 0.05;

    /// <summary>
    /// q / (1 + |T - mean T| / mean T), standardised into [0, 1], with q = w.Loss dL + w.Pruning dp + w.Importance I:
    /// dL = (loss before - loss after) / loss before, within [-1, 1]; dp = the share covered of the way that was left to the target
    /// (1 when none was left); I = adapter norm over the round's largest; T = completion time.
    /// </summary>
    public static double[] Spine(IReadOnlyList<DeviceOutcome> round, double targetRatio, RewardWeights weights) =>
        Standardise(SpineRaw(round, targetRatio, weights));

    /// <summary>FedMP's dL / |T - mean T| (Jiang et al., ICDE 2022), T relative to its mean, standardised into [0, 1].</summary>
    public static double[] FedMp(IReadOnlyList<DeviceOutcome> round) => Standardise(FedMpRaw(round));

    internal static double[] SpineRaw(IReadOnlyList<DeviceOutcome> round, double targetRatio, RewardWeights weights)
    {
        double largestNorm = 0;
        foreach (DeviceOutcome outcome in round)
            if (double.IsFinite(outcome.AdapterNorm))
                largestNorm = Math.Max(largestNorm, outcome.AdapterNorm);
        double[] lateness = Lateness(round);
        var raw = new double[round.Count];
        for (int i = 0; i < raw.Length; i++)
        {
            DeviceOutcome outcome = round[i];
            double importance = largestNorm > 0 && double.IsFinite(outcome.AdapterNorm) ? outcome.AdapterNorm / largestNorm : 0;
            double q = weights.Loss * LossDecrease(outcome) + weights.Pruning * Progress(outcome, targetRatio) + weights.Importance * importance;
            // Dividing a negative quality would make a device that got worse look better for being late.
            raw[i] = q >= 0 ? q / (1 + lateness[i]) : q * (1 + lateness[i]);
        }
        return raw;
    }

    internal static double[] FedMpRaw(IReadOnlyList<DeviceOutcome> round)
    {
        double[] lateness = Lateness(round);
        var raw = new double[round.Count];
        for (int i = 0; i < raw.Length; i++)
            raw[i] = LossDecrease(round[i]) / Math.Max(lateness[i], OnTime);
        return raw;
    }

    /// <summary>
    /// 0.5 + z / 4 within [0, 1], z the standard score: two standard deviations reach the ends. One participant, or equal
    /// rewards: 0.5 each. A value that is not finite counts as the smallest finite one.
    /// </summary>
    internal static double[] Standardise(ReadOnlySpan<double> raw)
    {
        double smallest = double.PositiveInfinity, largest = 0;
        foreach (double x in raw)
            if (double.IsFinite(x))
                (smallest, largest) = (Math.Min(smallest, x), Math.Max(largest, Math.Abs(x)));
        if (double.IsPositiveInfinity(smallest))
            smallest = 0;

        var reward = new double[raw.Length];
        double mean = 0, variance = 0;
        for (int i = 0; i < raw.Length; i++)
            mean += (reward[i] = double.IsFinite(raw[i]) ? raw[i] : smallest) / raw.Length;
        foreach (double x in reward)
            variance += (x - mean) * (x - mean) / raw.Length;
        double deviation = Math.Sqrt(variance);
        for (int i = 0; i < reward.Length; i++)
            reward[i] = deviation <= 1e-12 * largest ? 0.5 : Math.Clamp(0.5 + (reward[i] - mean) / (4 * deviation), 0, 1);
        return reward;
    }

    internal static double LossDecrease(DeviceOutcome outcome)
    {
        if (!double.IsFinite(outcome.LossAfter))
            return -1;
        if (!double.IsFinite(outcome.LossBefore))
            return 0;
        return Math.Clamp((outcome.LossBefore - outcome.LossAfter) / Math.Max(outcome.LossBefore, SmallestLoss), -1, 1);
    }

    private static double Progress(DeviceOutcome outcome, double targetRatio)
    {
        double left = targetRatio - outcome.RatioBefore;
        return left > 1e-9 ? Math.Clamp((outcome.RatioReached - outcome.RatioBefore) / left, 0, 1) : 1;
    }

    /// <summary>|T - mean T| / mean T of each.</summary>
    private static double[] Lateness(IReadOnlyList<DeviceOutcome> round)
    {
        double mean = 0;
        foreach (DeviceOutcome outcome in round)
            mean += outcome.Seconds / round.Count;
        var lateness = new double[round.Count];
        for (int i = 0; i < lateness.Length; i++)
            lateness[i] = mean > 0 ? Math.Abs(round[i].Seconds - mean) / mean : 0;
        return lateness;
    }
}
