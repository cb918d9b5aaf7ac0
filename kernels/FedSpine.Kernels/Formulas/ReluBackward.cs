using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dx = dy where x > 0, else 0.</summary>
public readonly struct ReluBackward : IBinaryFormula
{
    public static float Invoke(float x, float dy) => x > 0 ? dy : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, TVector dy) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.WherePositive(x, dy);
}
