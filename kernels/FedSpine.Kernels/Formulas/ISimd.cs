namespace FedSpine.Kernels.Formulas;

/// <summary>
/// One vector width, as static methods over the raw vector type, so that a kernel written once as
/// <c>Kernel&lt;TSimd, TVector&gt;</c> compiles to straight 512-, 256-, 128-bit or scalar code.
/// </summary>
public unsafe interface ISimd<TVector> where TVector : unmanaged
{
    /// <summary>Floats per vector.</summary>
    static abstract int Width { get; }

    static abstract TVector Zero { get; }

    static abstract TVector Broadcast(float x);

    static abstract TVector Load(float* p);

    /// <summary>So many bfloat16, widened: exact.</summary>
    static abstract TVector LoadBFloat16(ushort* p);

    /// <summary>So many signed bytes, converted.</summary>
    static abstract TVector LoadSignedBytes(sbyte* p);

    static abstract void Store(float* p, TVector x);

    static abstract TVector Add(TVector x, TVector y);

    static abstract TVector Subtract(TVector x, TVector y);

    static abstract TVector Multiply(TVector x, TVector y);

    static abstract TVector Divide(TVector x, TVector y);

    /// <summary>x * y + z, fused where the machine fuses.</summary>
    static abstract TVector MultiplyAdd(TVector x, TVector y, TVector z);

    static abstract TVector Min(TVector x, TVector y);

    static abstract TVector Max(TVector x, TVector y);

    static abstract TVector Sqrt(TVector x);

    static abstract TVector Abs(TVector x);

    /// <summary>The nearest integer, ties to even.</summary>
    static abstract TVector Round(TVector x);

    /// <summary>x * 2^n for an integral n in [-252, 254]: 0 or infinity where the result has no float.</summary>
    static abstract TVector ScaleByPowerOfTwo(TVector x, TVector n);

    /// <summary>The magnitude of x with the sign of y.</summary>
    static abstract TVector CopySign(TVector x, TVector y);

    /// <summary>y where x > 0, else 0.</summary>
    static abstract TVector WherePositive(TVector x, TVector y);

    /// <summary>Sum of the lanes, in a fixed order.</summary>
    static abstract float Sum(TVector x);

    /// <summary>The largest lane.</summary>
    static abstract float MaxLane(TVector x);
}
