using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dup = dh * silu(gate).</summary>
public readonly struct SwiGluBackwardUp : IBinaryFormula
{
    public static float Invoke(float gate, float dh) => dh * Silu.Invoke(gate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector gate, TVector dh) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.Multiply(dh, Silu.Invoke<TSimd, TVector>(gate));
}
