using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dx = dy s (1 + x (1 - s)), s = sigmoid(x).</summary>
public readonly struct SiluBackward : IBinaryFormula
{
    public static float Invoke(float x, float dy)
    {
        float s = 1 / (1 + MathF.Exp(-x));
        return dy * s * (1 + x * (1 - s));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, TVector dy) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var one = TSimd.Broadcast(1);
        var s = VectorMath.Sigmoid<TSimd, TVector>(x);
        return TSimd.Multiply(TSimd.Multiply(dy, s), TSimd.MultiplyAdd(x, TSimd.Subtract(one, s), one));
    }
}
