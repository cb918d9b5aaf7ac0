using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>y = x sigmoid(x): Hugging Face "silu".</summary>
public readonly struct Silu : IUnaryFormula
{
    public static float Invoke(float x) => x / (1 + MathF.Exp(-x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.Multiply(x, VectorMath.Sigmoid<TSimd, TVector>(x));
}
