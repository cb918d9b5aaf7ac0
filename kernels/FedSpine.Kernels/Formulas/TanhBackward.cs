using System.Runtime.CompilerServices;

namespace FedSpine.Kernels.Formulas;

/// <summary>dx = dy (1 - y^2), from the output y = tanh(x).</summary>
public readonly struct TanhBackward : IBinaryFormula
{
    public static float Invoke(float y, float dy) => dy * (1 - y * y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector y, TVector dy) where TSimd : struct, ISimd<TVector> where TVector : unmanaged =>
        TSimd.Multiply(dy, TSimd.Subtract(TSimd.Broadcast(1), TSimd.Multiply(y, y)));
}
