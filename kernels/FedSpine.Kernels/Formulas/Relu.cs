using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>y = max(x, 0); NaN stays NaN.</summary>
public readonly struct Relu : IUnaryFormula
{
    public static float Invoke(float x) => x < 0 ? 0 : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.Max(TSimd.Zero, x);
}
