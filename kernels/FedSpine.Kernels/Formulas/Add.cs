using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>z = x + y.</summary>
public readonly struct Add : IBinaryFormula
{
    public static float Invoke(float x, float y) => x + y;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, TVector y) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.Add(x, y);
}
