using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>
/// y = x / 2 (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3): Hugging Face "gelu_new" and "gelu_pytorch_tanh".
/// Computed as x sigmoid(2 u), the same number.
/// </summary>
public readonly struct GeluTanh : IUnaryFormula
{
    internal const float Linear = 1.5957691216f;             // 2 sqrt(2 / pi)
    internal const float Cubic = 0.044715f * 1.5957691216f;

    public static float Invoke(float x) => x / (1 + MathF.Exp(-x * (Linear + Cubic * x * x)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var u2 = TSimd.Multiply(x, TSimd.MultiplyAdd(TSimd.Multiply(x, x), TSimd.Broadcast(Cubic), TSimd.Broadcast(Linear)));
        return TSimd.Multiply(x, VectorMath.Sigmoid<TSimd, TVector>(u2));
    }
}
