namespace FedSpine.Kernels.Tests.Reference;

/// <summary>RMSNorm and LayerNorm, forward and backward, one row of D at a time.</summary>
public static class NormReference
{
    /// <summary>1 / sqrt(mean(x^2) + eps).</summary>
    public static double RmsRstd(double[] x, double eps) => 1 / Math.Sqrt(x.Average(v => v * v) + eps);

    public static double[] RmsNorm(double[] x, double[] weight, double eps)
    {
        double rstd = RmsRstd(x, eps);
        return [.. x.Select((v, i) => v * rstd * weight[i])];
    }

    public static (double Mean, double Rstd) Moments(double[] x, double eps)
    {
        double mean = x.Average();
        return (mean, 1 / Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + eps));
    }

    public static double[] LayerNorm(double[] x, double[] weight, double[] bias, double eps)
    {
        var (mean, rstd) = Moments(x, eps);
        return [.. x.Select((v, i) => (v - mean) * rstd * weight[i] + bias[i])];
    }

    /// <summary>dx (D): the chain rule through mean(x^2), written as a full Jacobian.</summary>
    public static double[] RmsNormBackward(double[] dy, double[] x, double[] weight, double eps)
    {
        int D = x.Length;
        double rstd = RmsRstd(x, eps);
        var dx = new double[D];
        for (int i = 0; i < D; i++)
        {
            for (int j = 0; j < D; j++)
                dx[i] += dy[j] * weight[j] * ((i == j ? rstd : 0) - x[j] * x[i] * rstd * rstd * rstd / D);
        }

        return dx;
    }

    /// <summary>dx (D): the chain rule through mean and variance, written as a full Jacobian.</summary>
    public static double[] LayerNormBackward(double[] dy, double[] x, double[] weight, double eps)
    {
        int D = x.Length;
        var (mean, rstd) = Moments(x, eps);
        var dx = new double[D];
        for (int i = 0; i < D; i++)
        {
            for (int j = 0; j < D; j++)
                dx[i] += dy[j] * weight[j] * rstd * ((i == j ? 1 : 0) - 1.0 / D - (x[i] - mean) * (x[j] - mean) * rstd * rstd / D);
        }

        return dx;
    }
}
