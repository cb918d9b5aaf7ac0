namespace FedSpine.Kernels.Tests.Reference;

/// <summary>Gradients of a double-precision forward function by central differences.</summary>
public static class FiniteDifferences
{
    /// <summary>d/dx of sum over i of dy[i] f(x)[i]. The step suits values of order 1: the error is about 1e-9.</summary>
    public static double[] Gradient(Func<double[], double[]> f, double[] x, double[] dy, double step = 1e-5)
    {
        var gradient = new double[x.Length];
        var moved = (double[])x.Clone();
        for (int i = 0; i < x.Length; i++)
        {
            moved[i] = x[i] + step;
            var up = f(moved);
            moved[i] = x[i] - step;
            var down = f(moved);
            moved[i] = x[i];
            for (int j = 0; j < dy.Length; j++)
                gradient[i] += dy[j] * (up[j] - down[j]) / (2 * step);
        }

        return gradient;
    }

    /// <summary>The largest difference of <paramref name="gradient"/> from that.</summary>
    public static double Error(double[] gradient, Func<double[], double[]> f, double[] x, double[] dy) =>
        Gradient(f, x, dy).Zip(gradient, (a, b) => Math.Abs(a - b)).DefaultIfEmpty().Max();
}
