using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>
/// dx = dy (s + x s (1 - s) 2u'), s = sigmoid(2u), 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3): the derivative of <see cref="GeluTanh"/>.
/// 1 - s is taken as e s with e = e^-2u, which keeps its digits where s is near 1; e is bounded so that it stays finite.
/// </summary>
public readonly struct GeluTanhBackward : IBinaryFormula
{
    private const float Bound = 80;

    public static float Invoke(float x, float dy)
    {
        float x2 = x * x;
        float e = MathF.Exp(MathF.Min(Bound, -x * (GeluTanh.Linear + GeluTanh.Cubic * x2)));
        float s = 1 / (1 + e);
        return dy * (s + x * s * (e * s) * (GeluTanh.Linear + 3 * GeluTanh.Cubic * x2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, TVector dy) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        var one = TSimd.Broadcast(1);
        var linear = TSimd.Broadcast(GeluTanh.Linear);
        var x2 = TSimd.Multiply(x, x);
        var minusU2 = TSimd.Multiply(TSimd.Subtract(TSimd.Zero, x), TSimd.MultiplyAdd(x2, TSimd.Broadcast(GeluTanh.Cubic), linear));
        var e = VectorMath.Exp<TSimd, TVector>(TSimd.Min(TSimd.Broadcast(Bound), minusU2));
        var s = TSimd.Divide(one, TSimd.Add(one, e));
        var du2 = TSimd.MultiplyAdd(x2, TSimd.Broadcast(3 * GeluTanh.Cubic), linear);
        var slope = TSimd.Multiply(TSimd.Multiply(s, TSimd.Multiply(e, s)), TSimd.Multiply(x, du2));
        return TSimd.Multiply(dy, TSimd.Add(s, slope));
    }
}
