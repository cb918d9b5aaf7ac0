using FedSpine.Kernels.Formulas;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Sum of x[0 .. n).</summary>
    private static float Sum(float* x, int n)
    {
        var s0 = TSimd.Zero;
        var s1 = TSimd.Zero;
        int i = 0;
        for (; i <= n - 2 * TSimd.Width; i += 2 * TSimd.Width)
        {
            s0 = TSimd.Add(s0, TSimd.Load(x + i));
            s1 = TSimd.Add(s1, TSimd.Load(x + i + TSimd.Width));
        }

        for (; i <= n - TSimd.Width; i += TSimd.Width)
            s0 = TSimd.Add(s0, TSimd.Load(x + i));
        float sum = TSimd.Sum(TSimd.Add(s0, s1));
        for (; i < n; i++)
            sum += x[i];
        return sum;
    }

    /// <summary>Sum of x[i] y[i] over [0, n).</summary>
    private static float Dot(float* x, float* y, int n)
    {
        var s0 = TSimd.Zero;
        var s1 = TSimd.Zero;
        int i = 0;
        for (; i <= n - 2 * TSimd.Width; i += 2 * TSimd.Width)
        {
            s0 = TSimd.MultiplyAdd(TSimd.Load(x + i), TSimd.Load(y + i), s0);
            s1 = TSimd.MultiplyAdd(TSimd.Load(x + i + TSimd.Width), TSimd.Load(y + i + TSimd.Width), s1);
        }

        for (; i <= n - TSimd.Width; i += TSimd.Width)
            s0 = TSimd.MultiplyAdd(TSimd.Load(x + i), TSimd.Load(y + i), s0);
        float sum = TSimd.Sum(TSimd.Add(s0, s1));
        for (; i < n; i++)
            sum += x[i] * y[i];
        return sum;
    }

    /// <summary>Sum of (x[i] - mean)^2 over [0, n).</summary>
    private static float SumOfSquaredDeviations(float* x, float mean, int n)
    {
        var m = TSimd.Broadcast(mean);
        var s = TSimd.Zero;
        int i = 0;
        for (; i <= n - TSimd.Width; i += TSimd.Width)
        {
            var d = TSimd.Subtract(TSimd.Load(x + i), m);
            s = TSimd.MultiplyAdd(d, d, s);
        }

        float sum = TSimd.Sum(s);
        for (; i < n; i++)
            sum += (x[i] - mean) * (x[i] - mean);
        return sum;
    }

    /// <summary>The largest of x[0 .. n), n at least 1; NaN elements may be passed over.</summary>
    private static float Maximum(float* x, int n)
    {
        float max = x[0];
        int i = 0;
        if (n >= TSimd.Width)
        {
            var m = TSimd.Load(x);
            for (i = TSimd.Width; i <= n - TSimd.Width; i += TSimd.Width)
                m = TSimd.Max(m, TSimd.Load(x + i));
            max = TSimd.MaxLane(m);
        }

        for (; i < n; i++)
            max = SimdScalar.Max(max, x[i]);
        return max;
    }

    /// <summary>Sum of x[i] y[i] z[i] over [0, n).</summary>
    private static float Dot(float* x, float* y, float* z, int n)
    {
        var s = TSimd.Zero;
        int i = 0;
        for (; i <= n - TSimd.Width; i += TSimd.Width)
            s = TSimd.MultiplyAdd(TSimd.Multiply(TSimd.Load(x + i), TSimd.Load(y + i)), TSimd.Load(z + i), s);
        float sum = TSimd.Sum(s);
        for (; i < n; i++)
            sum += x[i] * y[i] * z[i];
        return sum;
    }
}
