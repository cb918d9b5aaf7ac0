using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>
/// y = x Phi(x), Phi the standard normal distribution function: Hugging Face "gelu" (the exact, erf form).
/// Computed as max(x, 0) - |x| Phi(-|x|), which keeps its accuracy for large negative x.
/// </summary>
public readonly struct Gelu : IUnaryFormula
{
    public static float Invoke(float x)
    {
        float a = MathF.Abs(x);
        return (x > 0 ? x : 0) - a * NormalTail.Invoke(a, MathF.Exp(-0.5f * x * x));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var a = TSimd.Abs(x);
        var e = VectorMath.Exp<TSimd, TVector>(TSimd.Multiply(TSimd.Multiply(TSimd.Broadcast(-0.5f), x), x));
        return TSimd.Subtract(TSimd.Max(TSimd.Zero, x), TSimd.Multiply(a, NormalTail.Invoke<TSimd, TVector>(a, e)));
    }
}
