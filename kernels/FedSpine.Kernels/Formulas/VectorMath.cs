using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>Transcendental functions on vectors of any width, from the same algebra lane by lane. NaN stays NaN.</summary>
public static class VectorMath
{
    /// <summary>
    /// e^x to about 1 ulp: x = n ln 2 + r with |r| &lt;= ln 2 / 2, e^r by the degree-7 polynomial of Cephes' expf, then 2^n.
    /// Results underflow gradually to 0 and overflow to infinity. NaN stays NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        // The bound comes first: where one operand is NaN, x86 returns the second.
        x = TSimd.Max(TSimd.Broadcast(-150f), TSimd.Min(TSimd.Broadcast(150f), x));
        TVector n = TSimd.Round(TSimd.Multiply(x, TSimd.Broadcast(1.44269504088896341f)));
        // ln 2 in two parts: the first has few bits, so that n * part is exact.
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.693359375f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(2.12194440e-4f), r);

        TVector y = TSimd.Broadcast(1.9875691500e-4f);
        y = TSimd.MultiplyAdd(y, r, TSimd.Broadcast(1.3981999507e-3f));
        y = TSimd.MultiplyAdd(y, r, TSimd.Broadcast(8.3334519073e-3f));
        y = TSimd.MultiplyAdd(y, r, TSimd.Broadcast(4.1665795894e-2f));
        y = TSimd.MultiplyAdd(y, r, TSimd.Broadcast(1.6666665459e-1f));
        y = TSimd.MultiplyAdd(y, r, TSimd.Broadcast(0.5f));
        y = TSimd.MultiplyAdd(y, TSimd.Multiply(r, r), r);
        y = TSimd.Add(y, TSimd.Broadcast(1f));

        return TSimd.ScaleByPowerOfTwo(y, n);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var one = TSimd.Broadcast(1);
        return TSimd.Divide(one, TSimd.Add(one, Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, x))));
    }

    /// <summary>Hyperbolic tangent: the odd rational function of degree 13 over 6 that Eigen uses, clamped to |x| &lt;= 9.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Tanh<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        x = TSimd.Max(TSimd.Broadcast(-9), TSimd.Min(TSimd.Broadcast(9), x));
        var x2 = TSimd.Multiply(x, x);
        var p = TSimd.Broadcast(-2.76076847742355e-16f);
        p = TSimd.MultiplyAdd(p, x2, TSimd.Broadcast(2.00018790482477e-13f));
        p = TSimd.MultiplyAdd(p, x2, TSimd.Broadcast(-8.60467152213735e-11f));
        p = TSimd.MultiplyAdd(p, x2, TSimd.Broadcast(5.12229709037114e-08f));
        p = TSimd.MultiplyAdd(p, x2, TSimd.Broadcast(1.48572235717979e-05f));
        p = TSimd.MultiplyAdd(p, x2, TSimd.Broadcast(6.37261928875436e-04f));
        p = TSimd.MultiplyAdd(p, x2, TSimd.Broadcast(4.89352455891786e-03f));
        var q = TSimd.Broadcast(1.19825839466702e-06f);
        q = TSimd.MultiplyAdd(q, x2, TSimd.Broadcast(1.18534705686654e-04f));
        q = TSimd.MultiplyAdd(q, x2, TSimd.Broadcast(2.26843463243900e-03f));
        q = TSimd.MultiplyAdd(q, x2, TSimd.Broadcast(4.89352518554385e-03f));
        return TSimd.Divide(TSimd.Multiply(x, p), q);
    }
}
