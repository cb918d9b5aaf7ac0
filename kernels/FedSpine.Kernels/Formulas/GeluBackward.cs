using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dx = dy (Phi(x) + x phi(x)), phi(x) = e^(-x^2/2) / sqrt(2 pi): the derivative of <see cref="Gelu"/>.</summary>
public readonly struct GeluBackward : IBinaryFormula
{
    private const float InverseSqrtTwoPi = 0.3989422804f;

    public static float Invoke(float x, float dy)
    {
        float a = MathF.Abs(x);
        float e = MathF.Exp(-0.5f * x * x);
        float phi = 0.5f + MathF.CopySign(0.5f - NormalTail.Invoke(a, e), x); // Phi(x)
        return dy * (phi + x * e * InverseSqrtTwoPi);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, TVector dy) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var half = TSimd.Broadcast(0.5f);
        var a = TSimd.Abs(x);
        var e = VectorMath.Exp<TSimd, TVector>(TSimd.Multiply(TSimd.Multiply(TSimd.Broadcast(-0.5f), x), x));
        var phi = TSimd.Add(half, TSimd.CopySign(TSimd.Subtract(half, NormalTail.Invoke<TSimd, TVector>(a, e)), x)); // Phi(x)
        return TSimd.Multiply(dy, TSimd.MultiplyAdd(TSimd.Multiply(x, e), TSimd.Broadcast(InverseSqrtTwoPi), phi));
    }
}
