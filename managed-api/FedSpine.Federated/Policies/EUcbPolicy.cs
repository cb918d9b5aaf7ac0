using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Constants of <see cref="EUcbPolicy"/>.</summary>
public sealed record EUcbOptions
{
    /// <summary>Weight of the confidence radius sqrt(2 ln(sum N) / N).</summary>
    public double Exploration { get; init; } = 0.05;

    /// <summary>Factor of weights per round played.</summary>
    public double Discount { get; init; } = 0.95;

    /// <summary>Least discounted number of plays on either side of a cut.</summary>
    public double LeafPlays { get; init; } = 2;
}

/// <summary>
/// Extended UCB after FedMP (Jiang et al., ICDE 2022): discounted UCB whose arms are the leaves of a regression tree grown over the
/// plays. A leaf is cut between two of its plays where the discounted squared error falls most, on either axis, and its children
/// keep their own plays; leaves finer than one head or 32 channels, or one rank, are left alone.
/// </summary>
public sealed class EUcbPolicy(PolicySpace space, EUcbOptions? options = null, IReadOnlyList<int>? classes = null)
    : BoxPolicy("e-ucb", space, (options ?? new()).Discount, classes)
{
    /// <summary>A play whose weight has fallen below this is forgotten.</summary>
    private const double SmallestWeight = 1e-4;

    private readonly EUcbOptions _options = options ?? new();

    private protected override ArmBox Choose(List<ArmBox> all, List<ArmBox> selectable, DeterministicRandom random)
    {
        double total = all.Sum(box => box.Count);
        return Largest(
            selectable, box => box.Mean + _options.Exploration * Math.Sqrt(2) * ConfidenceRadius(total, box.Count), random);
    }

    private protected override double[] Reward(IReadOnlyList<DeviceOutcome> round) => Rewards.FedMp(round);

    private protected override void Discount(ArmBox box, double factor)
    {
        base.Discount(box, factor);
        for (int i = 0; i < box.Samples.Count; i++)
            box.Samples[i] = box.Samples[i] with { Weight = box.Samples[i].Weight * factor };
        box.Samples.RemoveAll(s => s.Weight < SmallestWeight);
    }

    private protected override (ArmBox Low, ArmBox High)? Refine(ArmBox box, Arm arm, double reward)
    {
        box.Samples.Add(new ArmSample(arm, reward, 1));
        double bestGain = 0;
        (ArmBox Low, ArmBox High)? best = null;

        double[] ratios = [.. box.Samples.Select(s => s.Arm.Ratio).Distinct().Order()];
        for (int i = 1; i < ratios.Length; i++)
        {
            double at = (ratios[i - 1] + ratios[i]) / 2;
            if (at - box.RatioLow >= Space.RatioStep && box.RatioHigh - at >= Space.RatioStep)
                Consider(box.SplitRatio(at), s => s.Arm.Ratio >= at);
        }
        for (int at = box.RankLow + 1; at < box.RankHigh; at++)
            Consider(box.SplitRank(at), s => s.Arm.Rank >= at);
        return best;

        void Consider((ArmBox Low, ArmBox High) children, Func<ArmSample, bool> isHigh)
        {
            foreach (ArmSample sample in box.Samples)
                (isHigh(sample) ? children.High : children.Low).Samples.Add(sample);
            Summarise(children.Low);
            Summarise(children.High);
            if (Math.Min(children.Low.Count, children.High.Count) < _options.LeafPlays)
                return;
            // Between-group sum of squares: what the cut takes off the squared error.
            double difference = children.High.Mean - children.Low.Mean;
            double gain = children.Low.Count * children.High.Count / (children.Low.Count + children.High.Count) * difference * difference;
            if (gain > bestGain)
                (bestGain, best) = (gain, children);
        }
    }

    private static void Summarise(ArmBox box)
    {
        foreach (ArmSample s in box.Samples)
        {
            box.Count += s.Weight;
            box.Mean += (s.Reward - box.Mean) * s.Weight / box.Count;
        }
    }
}
