using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>Inputs of both norms. The mean of x is far from 0, so that a variance of mean squares would lose digits.</summary>
public abstract record NormCase(int Rows, int D) : OperatorCase
{
    protected const float Eps = 1e-5f;

    protected float[] X => Array.ConvertAll(TestData.Uniform(Rows * D, 1), v => v + 3);
    protected float[] Weight => TestData.Uniform(D, 2);
    protected float[] Bias => TestData.Uniform(D, 3);
    protected float[] Dy => TestData.Uniform(Rows * D, 4);

    protected double[] PerRow(Func<double[], double> f) => RowMajor.Map(X.ToDouble(), D, (x, _) => [f(x)]);

    protected double[] Forward(Func<double[], double[]> f) => RowMajor.Map(X.ToDouble(), D, (x, _) => f(x));

    protected double[] Dx(Func<double[], double[], double[]> backward)
    {
        var dy = Dy.ToDouble();
        return RowMajor.Map(X.ToDouble(), D, (x, row) => backward(dy.Row(row, D), x));
    }

    /// <summary>sum over rows of dy * xhat, on top of <paramref name="before"/>.</summary>
    protected double[] Dweight(float[] before, Func<double[], double[]> xhat)
    {
        var dy = Dy.ToDouble();
        var sum = before.ToDouble();
        RowMajor.Map(X.ToDouble(), D, (x, row) => sum = sum.Plus(dy.Row(row, D).Times(xhat(x))));
        return sum;
    }

    /// <summary>The span of dx: its own, on dy, or holding values to add to.</summary>
    protected (DeviceSpan<float> Dx, DeviceSpan<float> Dy) Gradients(Sandbox sandbox, double[] dx, bool inPlace, bool accumulate)
    {
        if (inPlace)
        {
            var both = sandbox.Output("dx on dy", dx, Dy);
            return (both, both);
        }

        var before = TestData.Uniform(Rows * D, 5);
        var span = accumulate ? sandbox.Output("dx", dx.Plus(before.ToDouble()), before) : sandbox.Output("dx", dx);
        return (span, sandbox.Input("dy", Dy));
    }
}

public sealed record RmsNormForwardCase(int Rows, int D, bool InPlace = false) : NormCase(Rows, D)
{
    public override Operator Operator => Operator.RmsNorm;

    public override Action Prepare(Sandbox sandbox)
    {
        var weight = Weight.ToDouble();
        var expected = Forward(x => NormReference.RmsNorm(x, weight, Eps));
        var y = InPlace ? sandbox.Output("y on x", expected, X) : sandbox.Output("y", expected);
        var rstd = sandbox.Output("rstd", PerRow(x => NormReference.RmsRstd(x, Eps)));
        var spanX = InPlace ? y : sandbox.Input("x", X);
        var spanWeight = sandbox.Input("weight", Weight);
        return () => sandbox.Backend.RmsNormForward(y, rstd, spanX, spanWeight, Rows, D, Eps);
    }
}

public sealed record RmsNormBackwardCase(int Rows, int D, bool WithWeight, bool InPlace = false, bool Accumulate = false) : NormCase(Rows, D)
{
    public override Operator Operator => Operator.RmsNorm;

    public override Action Prepare(Sandbox sandbox)
    {
        var weight = Weight.ToDouble();
        var (dx, dy) = Gradients(sandbox, Dx((g, x) => NormReference.RmsNormBackward(g, x, weight, Eps)), InPlace, Accumulate);
        var before = TestData.Uniform(D, 6);
        var dweight = WithWeight ? sandbox.Output("dweight", Dweight(before, x => NormReference.RmsNorm(x, [.. x.Select(_ => 1.0)], Eps)), before) : default;
        var spanX = sandbox.Input("x", X);
        var spanWeight = sandbox.Input("weight", Weight);
        var rstd = sandbox.Input("rstd", PerRow(x => NormReference.RmsRstd(x, Eps)).ToSingle());
        return () => sandbox.Backend.RmsNormBackward(dx, dweight, dy, spanX, spanWeight, rstd, Rows, D, Accumulate);
    }

    public override IEnumerable<(string Gradient, double Error)> GradientErrors()
    {
        double[] x = X.ToDouble(), weight = Weight.ToDouble();
        return [("dx", FiniteDifferences.Error(Dx((g, v) => NormReference.RmsNormBackward(g, v, weight, Eps)),
            all => RowMajor.Map(all, D, (v, _) => NormReference.RmsNorm(v, weight, Eps)), x, Dy.ToDouble()))];
    }
}

public sealed record LayerNormForwardCase(int Rows, int D, bool InPlace = false) : NormCase(Rows, D)
{
    public override Operator Operator => Operator.LayerNorm;

    public override Action Prepare(Sandbox sandbox)
    {
        double[] weight = Weight.ToDouble(), bias = Bias.ToDouble();
        var expected = Forward(x => NormReference.LayerNorm(x, weight, bias, Eps));
        var y = InPlace ? sandbox.Output("y on x", expected, X) : sandbox.Output("y", expected);
        var mean = sandbox.Output("mean", PerRow(x => x.Average()));
        var rstd = sandbox.Output("rstd", PerRow(x => NormReference.Moments(x, Eps).Rstd));
        var spanX = InPlace ? y : sandbox.Input("x", X);
        DeviceSpan<float> spanWeight = sandbox.Input("weight", Weight), spanBias = sandbox.Input("bias", Bias);
        return () => sandbox.Backend.LayerNormForward(y, mean, rstd, spanX, spanWeight, spanBias, Rows, D, Eps);
    }
}

public sealed record LayerNormBackwardCase(int Rows, int D, bool WithWeight, bool WithBias, bool InPlace = false, bool Accumulate = false) : NormCase(Rows, D)
{
    public override Operator Operator => Operator.LayerNorm;

    public override Action Prepare(Sandbox sandbox)
    {
        var weight = Weight.ToDouble();
        var (dx, dy) = Gradients(sandbox, Dx((g, x) => NormReference.LayerNormBackward(g, x, weight, Eps)), InPlace, Accumulate);
        float[] ones = [.. Enumerable.Repeat(1f, D)], before = TestData.Uniform(D, 6);
        var dweight = WithWeight
            ? sandbox.Output("dweight", Dweight(before, x => NormReference.LayerNorm(x, ones.ToDouble(), new double[D], Eps)), before)
            : default;
        var dbias = WithBias ? sandbox.Output("dbias", Dweight(before, _ => ones.ToDouble()), before) : default;
        DeviceSpan<float> spanX = sandbox.Input("x", X), spanWeight = sandbox.Input("weight", Weight);
        var mean = sandbox.Input("mean", PerRow(x => x.Average()).ToSingle());
        var rstd = sandbox.Input("rstd", PerRow(x => NormReference.Moments(x, Eps).Rstd).ToSingle());
        return () => sandbox.Backend.LayerNormBackward(dx, dweight, dbias, dy, spanX, spanWeight, mean, rstd, Rows, D, Accumulate);
    }

    public override IEnumerable<(string Gradient, double Error)> GradientErrors()
    {
        double[] x = X.ToDouble(), weight = Weight.ToDouble();
        return [("dx", FiniteDifferences.Error(Dx((g, v) => NormReference.LayerNormBackward(g, v, weight, Eps)),
            all => RowMajor.Map(all, D, (v, _) => NormReference.LayerNorm(v, weight, new double[D], Eps)), x, Dy.ToDouble()))];
    }
}

/// <summary>Both norms of x + residual, the sum left in x.</summary>
public sealed record AddNormForwardCase(int Rows, int D, bool Layer) : NormCase(Rows, D)
{
    public override Operator Operator => Layer ? Operator.LayerNorm : Operator.RmsNorm;

    public override Action Prepare(Sandbox sandbox)
    {
        float[] before = TestData.Uniform(Rows * D, 5), residual = [.. X.Zip(before, (sum, x) => sum - x)];
        var sum = before.ToDouble().Plus(residual.ToDouble());
        double[] weight = Weight.ToDouble(), bias = Bias.ToDouble();
        double[] PerRow(Func<double[], double> f) => RowMajor.Map(sum, D, (x, _) => [f(x)]);
        var y = sandbox.Output("y", RowMajor.Map(sum, D, (x, _) => Layer ? NormReference.LayerNorm(x, weight, bias, Eps) : NormReference.RmsNorm(x, weight, Eps)));
        var x = sandbox.Output("x", sum, before);
        DeviceSpan<float> spanResidual = sandbox.Input("residual", residual), spanWeight = sandbox.Input("weight", Weight), spanBias = sandbox.Input("bias", Bias);
        var rstd = sandbox.Output("rstd", PerRow(row => Layer ? NormReference.Moments(row, Eps).Rstd : NormReference.RmsRstd(row, Eps)));
        if (!Layer)
            return () => sandbox.Backend.AddRmsNormForward(y, rstd, x, spanResidual, spanWeight, Rows, D, Eps);
        var mean = sandbox.Output("mean", PerRow(row => row.Average()));
        return () => sandbox.Backend.AddLayerNormForward(y, mean, rstd, x, spanResidual, spanWeight, spanBias, Rows, D, Eps);
    }
}
