namespace FedSpine.Kernels.Tests.Reference;

/// <summary>Row-major matrices as arrays.</summary>
public static class RowMajor
{
    public static double[] Row(this double[] x, int row, int D) => x[(row * D)..((row + 1) * D)];

    /// <summary>f on every row, results side by side.</summary>
    public static double[] Map(double[] x, int D, Func<double[], int, double[]> f) =>
        [.. Enumerable.Range(0, x.Length / D).SelectMany(row => f(x.Row(row, D), row))];

    /// <summary>x + y, elementwise.</summary>
    public static double[] Plus(this double[] x, double[] y) => [.. x.Zip(y, (a, b) => a + b)];

    /// <summary>x * y, elementwise.</summary>
    public static double[] Times(this double[] x, double[] y) => [.. x.Zip(y, (a, b) => a * b)];

    public static float[] ToSingle(this double[] x) => Array.ConvertAll(x, v => (float)v);
}
