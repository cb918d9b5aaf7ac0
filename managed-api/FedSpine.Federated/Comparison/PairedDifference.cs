using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Comparison;

/// <summary>
/// The mean of differences of pairs with its 95 % interval by the paired t test: mean +- t(0.975, n - 1) s / sqrt(n). Pairs are runs
/// with the same data set and seed, and so with the same split, fleet, conditions and batches.
/// </summary>
/// <param name="Pairs">n.</param>
/// <param name="Mean">In points.</param>
/// <param name="Margin">Half the interval; null with fewer than two pairs.</param>
public sealed record PairedDifference(int Pairs, double Mean, double? Margin)
{
    public static PairedDifference Of(IReadOnlyList<double> differences)
    {
        int n = differences.Count;
        double mean = n == 0 ? double.NaN : differences.Average();
        if (n < 2)
            return new PairedDifference(n, mean, null);
        double variance = differences.Sum(d => (d - mean) * (d - mean)) / (n - 1);
        return new PairedDifference(n, mean, StudentT.Quantile975(n - 1) * Math.Sqrt(variance / n));
    }

    /// <summary>better, worse, noise, equal, or unknown where one pair cannot tell.</summary>
    public string Verdict => Margin is not { } margin || !double.IsFinite(Mean) ? "unknown"
        : margin == 0 && Mean == 0 ? "equal"
        : Mean > margin ? "better" : Mean < -margin ? "worse" : "noise";

    /// <summary>The same in words.</summary>
    public string Words(string subject, string other)
    {
        string points = $"{Units.Number(Math.Abs(Mean), 2)} points";
        return Verdict switch
        {
            "better" => $"{subject} is better than {other} by {points}",
            "worse" => $"{subject} is worse than {other} by {points}",
            "equal" => $"{subject} and {other} are equal",
            "noise" => $"{subject} and {other} differ by {points}, which is noise: the interval holds 0",
            _ => Pairs == 0 ? $"{subject} and {other}: no pair yet" : $"{subject} and {other}: one pair tells no difference from noise",
        };
    }
}
