namespace FedSpine.Bench.Measuring;

/// <summary>Statistics that a few disturbed rounds do not move.</summary>
internal static class Robust
{
    /// <summary>The middle value, or the mean of the two; NaN of nothing.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int n = sorted.Length;
        return n == 0 ? double.NaN : n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }

    /// <summary>1.4826 x the median absolute deviation: the standard deviation of normal values, whatever a few outliers do.</summary>
    public static double Deviation(IReadOnlyCollection<double> values)
    {
        double median = Median(values);
        return 1.4826 * Median(values.Select(v => Math.Abs(v - median)));
    }

    public static double GeometricMean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
