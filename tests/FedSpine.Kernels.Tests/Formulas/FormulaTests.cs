using System.Runtime.Intrinsics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Formulas;

/// <summary>
/// Both forms of every formula, the scalar one (accelerators) and the vector one at each width, against double precision: to 1e-6
/// relative, or 1e-7 times the size of what is multiplied. Backward formulas against central differences of the forward.
/// </summary>
public sealed class FormulaTests
{
    private static double[] Points =>
    [
        .. Enumerable.Range(-3000, 6001).Select(i => (double)(float)(i / 250.0)),
        0, 1e-30, -1e-30, 1e-4, -1e-4, 30, -30, 88, -88, 100, -100, 1000, -1000, 1e4, -1e4,
    ];

    [Fact]
    public void Activations()
    {
        Unary<Gelu>(FormulaReference.Gelu);
        Unary<GeluTanh>(FormulaReference.GeluTanh);
        Unary<Silu>(FormulaReference.Silu);
        Unary<Tanh>(Math.Tanh);
        Unary<Relu>(x => Math.Max(x, 0));
        Binary<SwiGlu>((gate, up) => FormulaReference.Silu(gate) * up);
        Binary<Add>((x, y) => x + y);
        Binary<Multiply>((x, y) => x * y);
    }

    [Fact]
    public void Derivatives()
    {
        Binary<GeluBackward>((x, dy) => dy * Slope(FormulaReference.Gelu, x));
        Binary<GeluTanhBackward>((x, dy) => dy * Slope(FormulaReference.GeluTanh, x));
        Binary<SiluBackward>((x, dy) => dy * Slope(FormulaReference.Silu, x));
        Binary<ReluBackward>((x, dy) => x > 0 ? dy : 0);
        Binary<SwiGluBackwardUp>((gate, dh) => dh * FormulaReference.Silu(gate));
        foreach (double x in Points)
        {
            double y = Math.Tanh(x);
            Near<TanhBackward>((float)y, 1.5f, 1.5 * Slope(Math.Tanh, x), 1.5);
            double expected = 1.5 * -0.75 * Slope(FormulaReference.Silu, x);
            foreach (float actual in All<SwiGluBackwardGate>((float)x, -0.75f, 1.5f))
                Near(actual, expected, 1.5, $"{nameof(SwiGluBackwardGate)}({x})");
        }
    }

    [Fact]
    public void NaNStaysNaN()
    {
        Assert.All([.. All<Gelu>(float.NaN), .. All<GeluTanh>(float.NaN), .. All<Silu>(float.NaN), .. All<Tanh>(float.NaN), .. All<Relu>(float.NaN)], y => Assert.Equal(float.NaN, y));
        Assert.All([.. All<GeluBackward>(float.NaN, 1), .. All<SiluBackward>(float.NaN, 1), .. All<SwiGlu>(float.NaN, 1)], y => Assert.Equal(float.NaN, y));
        Assert.All([.. All<ReluBackward>(1, float.NaN), .. All<SwiGlu>(1, float.NaN), .. All<GeluTanhBackward>(1, float.NaN)], y => Assert.Equal(float.NaN, y));
    }

    private static double Slope(Func<double, double> f, double x)
    {
        const double step = 1e-5;
        return (f(x + step) - f(x - step)) / (2 * step);
    }

    private static void Unary<T>(Func<double, double> f) where T : struct, IUnaryFormula
    {
        foreach (double x in Points)
        {
            foreach (float actual in All<T>((float)x))
                Near(actual, f(x), Math.Min(1, Math.Abs(x)), $"{typeof(T).Name}({x})");
        }
    }

    private static void Binary<T>(Func<double, double, double> f) where T : struct, IBinaryFormula
    {
        foreach (double x in Points)
            Near<T>((float)x, 1.5f, f(x, 1.5), 1.5);
    }

    private static void Near<T>(float x, float y, double expected, double scale) where T : struct, IBinaryFormula
    {
        foreach (float actual in All<T>(x, y))
            Near(actual, expected, scale, $"{typeof(T).Name}({x}, {y})");
    }

    private static void Near(float actual, double expected, double scale, string what) =>
        Assert.True(Math.Abs(actual - expected) <= 1e-6 * Math.Abs(expected) + 2e-7 * scale, $"{what} is {actual:R}, expected {expected:R}");

    private static float[] All<T>(float x) where T : struct, IUnaryFormula =>
    [
        T.Invoke(x),
        T.Invoke<SimdScalar, float>(x),
        T.Invoke<Simd128, Vector128<float>>(Vector128.Create(x))[3],
        T.Invoke<Simd256, Vector256<float>>(Vector256.Create(x))[7],
        T.Invoke<Simd512, Vector512<float>>(Vector512.Create(x))[15],
    ];

    private static float[] All<T>(float x, float y) where T : struct, IBinaryFormula =>
    [
        T.Invoke(x, y),
        T.Invoke<SimdScalar, float>(x, y),
        T.Invoke<Simd128, Vector128<float>>(Vector128.Create(x), Vector128.Create(y))[3],
        T.Invoke<Simd256, Vector256<float>>(Vector256.Create(x), Vector256.Create(y))[7],
        T.Invoke<Simd512, Vector512<float>>(Vector512.Create(x), Vector512.Create(y))[15],
    ];

    private static float[] All<T>(float x, float y, float z) where T : struct, ITernaryFormula =>
    [
        T.Invoke(x, y, z),
        T.Invoke<SimdScalar, float>(x, y, z),
        T.Invoke<Simd128, Vector128<float>>(Vector128.Create(x), Vector128.Create(y), Vector128.Create(z))[3],
        T.Invoke<Simd256, Vector256<float>>(Vector256.Create(x), Vector256.Create(y), Vector256.Create(z))[7],
        T.Invoke<Simd512, Vector512<float>>(Vector512.Create(x), Vector512.Create(y), Vector512.Create(z))[15],
    ];
}
