namespace FedSpine.Federated.Comparison;

/// <summary>Student's t distribution, as far as a 95 % interval needs it.</summary>
public static class StudentT
{
    private static readonly double[] Table =
    [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];

    /// <summary>
    /// The 0.975 quantile for <paramref name="freedom"/> degrees of freedom, at least 1: tabulated to 30, then Cornish and Fisher's
    /// expansion z + (z^3 + z) / 4n + (5 z^5 + 16 z^3 + 3 z) / 96 n^2.
    /// </summary>
    public static double Quantile975(int freedom)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(freedom, 1);
        return freedom <= Table.Length ? Table[freedom - 1] : 1.95996 + 2.37223 / freedom + 2.82250 / ((double)freedom * freedom);
    }
}
