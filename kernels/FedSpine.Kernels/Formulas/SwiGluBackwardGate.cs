using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dgate = dh * up * silu'(gate).</summary>
public readonly struct SwiGluBackwardGate : ITernaryFormula
{
    public static float Invoke(float gate, float up, float dh) => SiluBackward.Invoke(gate, dh * up);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector gate, TVector up, TVector dh) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        SiluBackward.Invoke<TSimd, TVector>(gate, TSimd.Multiply(dh, up));
}
