using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// Loops over contiguous doubles. The width is fixed at 256 bits and products are not fused, so that the server's arithmetic gives
/// the same bits on every machine.
/// </summary>
internal static class VectorMath
{
    /// <summary>sum of x_i y_i; equal lengths.</summary>
    public static double Dot(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        ReadOnlySpan<Vector256<double>> vx = MemoryMarshal.Cast<double, Vector256<double>>(x);
        ReadOnlySpan<Vector256<double>> vy = MemoryMarshal.Cast<double, Vector256<double>>(y)[..vx.Length];
        Vector256<double> s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i + 4 <= vx.Length; i += 4)
        {
            s0 += vx[i] * vy[i];
            s1 += vx[i + 1] * vy[i + 1];
            s2 += vx[i + 2] * vy[i + 2];
            s3 += vx[i + 3] * vy[i + 3];
        }
        for (; i < vx.Length; i++)
            s0 += vx[i] * vy[i];
        s0 = s0 + s1 + (s2 + s3);
        double sum = s0[0] + s0[1] + (s0[2] + s0[3]);
        for (i = vx.Length * 4; i < x.Length; i++)
            sum += x[i] * y[i];
        return sum;
    }

    /// <summary>y += a x; equal lengths.</summary>
    public static void AddScaled(Span<double> y, double a, ReadOnlySpan<double> x)
    {
        ReadOnlySpan<Vector256<double>> vx = MemoryMarshal.Cast<double, Vector256<double>>(x);
        Span<Vector256<double>> vy = MemoryMarshal.Cast<double, Vector256<double>>(y)[..vx.Length];
        Vector256<double> va = Vector256.Create(a);
        for (int i = 0; i < vx.Length; i++)
            vy[i] += va * vx[i];
        for (int i = vx.Length * 4; i < x.Length; i++)
            y[i] += a * x[i];
    }

    /// <summary>(x, y) &lt;- (c x - s y, s x + c y); equal lengths.</summary>
    public static void Rotate(Span<double> x, Span<double> y, double c, double s)
    {
        Span<Vector256<double>> vx = MemoryMarshal.Cast<double, Vector256<double>>(x);
        Span<Vector256<double>> vy = MemoryMarshal.Cast<double, Vector256<double>>(y)[..vx.Length];
        Vector256<double> vc = Vector256.Create(c), vs = Vector256.Create(s);
        for (int i = 0; i < vx.Length; i++)
        {
            Vector256<double> xi = vx[i], yi = vy[i];
            vx[i] = vc * xi - vs * yi;
            vy[i] = vs * xi + vc * yi;
        }
        for (int i = vx.Length * 4; i < x.Length; i++)
            (x[i], y[i]) = (c * x[i] - s * y[i], s * x[i] + c * y[i]);
    }

    /// <summary>x *= a.</summary>
    public static void Scale(Span<double> x, double a)
    {
        for (int i = 0; i < x.Length; i++)
            x[i] *= a;
    }
}
