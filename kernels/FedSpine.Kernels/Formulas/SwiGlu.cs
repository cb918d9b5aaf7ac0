using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>h = silu(gate) * up: the LLaMA feed-forward activation.</summary>
public readonly struct SwiGlu : IBinaryFormula
{
    public static float Invoke(float gate, float up) => Silu.Invoke(gate) * up;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector gate, TVector up) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.Multiply(Silu.Invoke<TSimd, TVector>(gate), up);
}
