using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>y = tanh(x).</summary>
public readonly struct Tanh : IUnaryFormula
{
    public static float Invoke(float x) => MathF.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        VectorMath.Tanh<TSimd, TVector>(x);
}
