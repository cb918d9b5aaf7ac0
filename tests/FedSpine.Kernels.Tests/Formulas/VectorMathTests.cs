using System.Runtime.Intrinsics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Formulas;

/// <summary>The elementary functions against double precision, relative to the result, at every width.</summary>
public sealed class VectorMathTests
{
    [Fact]
    public void ExpIsAccurateWhereItIsNormal() => Check(Math.Exp, Exp, -87.3, 88.7, 5e-7);

    [Fact]
    public void ExpReachesZeroAndInfinity()
    {
        Assert.All(Exp(-104), y => Assert.Equal(0, y));
        Assert.All(Exp(float.NegativeInfinity), y => Assert.Equal(0, y));
        Assert.All(Exp(89), y => Assert.Equal(float.PositiveInfinity, y));
        Assert.All(Exp(float.PositiveInfinity), y => Assert.Equal(float.PositiveInfinity, y));
        Assert.All(Exp(float.NaN), y => Assert.Equal(float.NaN, y));
        Assert.All(Exp(0), y => Assert.Equal(1, y));
    }

    [Fact]
    public void TanhIsAccurateDownToTheSmallest()
    {
        Check(Math.Tanh, Tanh, -12, 12, 1e-6);
        Check(Math.Tanh, Tanh, -1e-3, 1e-3, 1e-6);
    }

    [Fact]
    public void SigmoidIsAccurateInBothTails() => Check(FormulaReference.Sigmoid, Sigmoid, -87, 87, 1e-6);

    [Fact]
    public void NormalTailIsAccurateInTheTail() => Check(FormulaReference.NormalTail, a => [NormalTail.Invoke(a, (float)Math.Exp(-0.5 * a * a))], 0, 12, 1e-6);

    [Fact]
    public void NormalTailReferenceMatchesTables()
    {
        Assert.Equal(0.5, FormulaReference.NormalTail(0), 1e-15);
        Assert.Equal(0.15865525393145705, FormulaReference.NormalTail(1), 1e-14);
        Assert.Equal(0.0013498980316300946, FormulaReference.NormalTail(3), 1e-15);
        Assert.Equal(2.866515718791939e-7, FormulaReference.NormalTail(5), 1e-19);
    }

    private static void Check(Func<double, double> f, Func<float, float[]> actual, double from, double to, double tolerance)
    {
        for (int i = 0; i <= 20_000; i++)
        {
            float x = (float)(from + (to - from) * i / 20_000);
            double expected = f(x);
            foreach (float y in actual(x))
                Assert.True(Math.Abs(y - expected) <= tolerance * Math.Abs(expected), $"f({x:R}) is {y:R}, expected {expected:R}");
        }
    }

    private static float[] Exp(float x) =>
    [
        VectorMath.Exp<SimdScalar, float>(x),
        VectorMath.Exp<Simd128, Vector128<float>>(Vector128.Create(x))[1],
        VectorMath.Exp<Simd256, Vector256<float>>(Vector256.Create(x))[1],
        VectorMath.Exp<Simd512, Vector512<float>>(Vector512.Create(x))[1],
    ];

    private static float[] Tanh(float x) =>
    [
        VectorMath.Tanh<SimdScalar, float>(x),
        VectorMath.Tanh<Simd128, Vector128<float>>(Vector128.Create(x))[1],
        VectorMath.Tanh<Simd256, Vector256<float>>(Vector256.Create(x))[1],
        VectorMath.Tanh<Simd512, Vector512<float>>(Vector512.Create(x))[1],
    ];

    private static float[] Sigmoid(float x) =>
    [
        VectorMath.Sigmoid<SimdScalar, float>(x),
        VectorMath.Sigmoid<Simd512, Vector512<float>>(Vector512.Create(x))[1],
    ];
}
