namespace FedSpine.Kernels.Formulas;

/// <summary>
/// y = f(x), declared once: the host loops call the vector form, accelerator kernels the scalar one. Write both from the same
/// algebra; they may differ by rounding only.
/// </summary>
public interface IUnaryFormula
{
    static abstract float Invoke(float x);

    static abstract TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : unmanaged;
}

/// <summary>z = f(x, y); see <see cref="IUnaryFormula"/>.</summary>
public interface IBinaryFormula
{
    static abstract float Invoke(float x, float y);

    static abstract TVector Invoke<TSimd, TVector>(TVector x, TVector y) where TSimd : struct, ISimd<TVector> where TVector : unmanaged;
}

/// <summary>w = f(x, y, z); see <see cref="IUnaryFormula"/>.</summary>
public interface ITernaryFormula
{
    static abstract float Invoke(float x, float y, float z);

    static abstract TVector Invoke<TSimd, TVector>(TVector x, TVector y, TVector z) where TSimd : struct, ISimd<TVector> where TVector : unmanaged;
}
