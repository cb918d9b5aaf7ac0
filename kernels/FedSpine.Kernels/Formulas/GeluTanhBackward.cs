using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dx = dy (s + x s (1 - s) 2u'), s = sigmoid(2u), 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3): the derivative of <see cref="GeluTanh"/>.</summary>
public readonly struct GeluTanhBackward : IBinaryFormula
{
    public static float Invoke(float x, float dy)
    {
        float x2 = x * x;
        float s = 1 / (1 + MathF.Exp(-x * (GeluTanh.Linear + GeluTanh.Cubic * x2)));
        return dy * (s + x * s * (1 - s) * (GeluTanh.Linear + 3 * GeluTanh.Cubic * x2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, TVector dy) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var linear = TSimd.Broadcast(GeluTanh.Linear);
        var x2 = TSimd.Multiply(x, x);
        var s = VectorMath.Sigmoid<TSimd, TVector>(TSimd.Multiply(x, TSimd.MultiplyAdd(x2, TSimd.Broadcast(GeluTanh.Cubic), linear)));
        var du2 = TSimd.MultiplyAdd(x2, TSimd.Broadcast(3 * GeluTanh.Cubic), linear);
        var slope = TSimd.Multiply(TSimd.Multiply(s, TSimd.Subtract(TSimd.Broadcast(1), s)), TSimd.Multiply(x, du2));
        return TSimd.Multiply(dy, TSimd.Add(s, slope));
    }
}
