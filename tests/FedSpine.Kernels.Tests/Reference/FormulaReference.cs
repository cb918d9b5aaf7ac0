namespace FedSpine.Kernels.Tests.Reference;

/// <summary>The activations in double precision.</summary>
public static class FormulaReference
{
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    public static double Silu(double x) => x * Sigmoid(x);

    /// <summary>x Phi(x).</summary>
    public static double Gelu(double x) => x > 0 ? x - x * NormalTail(x) : x * NormalTail(-x);

    public static double GeluTanh(double x) => x * Sigmoid(2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));

    /// <summary>
    /// P(Z > a) of the standard normal, a >= 0: the Taylor series of Phi - 1/2 near 0, the continued fraction of the Mills ratio
    /// in the tail.
    /// </summary>
    public static double NormalTail(double a)
    {
        double density = Math.Exp(-a * a / 2) / Math.Sqrt(2 * Math.PI);
        if (a < 3)
        {
            double term = a, sum = a;
            for (int n = 1; n < 100; n++)
                sum += term *= a * a / (2 * n + 1);
            return 0.5 - density * sum;
        }

        double fraction = a;
        for (int n = 200; n > 0; n--)
            fraction = a + n / fraction;
        return density / fraction;
    }
}
