namespace FedSpine.Bench.Gating;

/// <summary>Whether two samples differ, whatever their distribution: Mann and Whitney's U test (Ann. Math. Statist. 18, 1947).</summary>
internal static class RankTest
{
    /// <summary>
    /// Two-sided probability that samples of one distribution differ as much: normal approximation with corrections for ties and
    /// continuity, good from about eight values a side.
    /// </summary>
    public static double PValue(IReadOnlyCollection<double> x, IReadOnlyCollection<double> y)
    {
        double n = x.Count, m = y.Count, total = n + m, rankSum = 0, ties = 0, rank = 1;
        foreach (var tied in x.Select(v => (v, ours: 1)).Concat(y.Select(v => (v, ours: 0))).GroupBy(p => p.v).OrderBy(g => g.Key))
        {
            int count = tied.Count();
            rankSum += tied.Sum(p => p.ours) * (rank + (count - 1) / 2.0); // equal values share their mean rank
            ties += (double)count * count * count - count;
            rank += count;
        }

        double u = rankSum - n * (n + 1) / 2, mean = n * m / 2;
        double variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)));
        return variance <= 0 ? 1 : Math.Min(1, UpperTail(Math.Max(0, Math.Abs(u - mean) - 0.5) / Math.Sqrt(variance)) * 2);
    }

    /// <summary>P(Z > z) of a standard normal, z >= 0, to 1e-7 (Abramowitz and Stegun, 26.2.17).</summary>
    private static double UpperTail(double z)
    {
        double t = 1 / (1 + 0.2316419 * z);
        double series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        return Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI) * series;
    }
}
