using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>
/// y = tanh(x). The scalar form is the rational function of <see cref="VectorMath.Tanh{TSimd, TVector}"/> too: what accelerators call tanh is right
/// to three digits only.
/// </summary>
public readonly struct Tanh : IUnaryFormula
{
    public static float Invoke(float x)
    {
        x = x < -9 ? -9 : x > 9 ? 9 : x;
        float x2 = x * x;
        float p = -2.76076847742355e-16f * x2 + 2.00018790482477e-13f;
        p = p * x2 - 8.60467152213735e-11f;
        p = p * x2 + 5.12229709037114e-08f;
        p = p * x2 + 1.48572235717979e-05f;
        p = p * x2 + 6.37261928875436e-04f;
        p = p * x2 + 4.89352455891786e-03f;
        float q = 1.19825839466702e-06f * x2 + 1.18534705686654e-04f;
        q = q * x2 + 2.26843463243900e-03f;
        q = q * x2 + 4.89352518554385e-03f;
        return x * p / q;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        VectorMath.Tanh<TSimd, TVector>(x);
}
