using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>A linear layer's inputs.</summary>
public abstract record LinearCase(int Rows, int In, int Out, int Rank, bool HasBias, WeightType Type) : OperatorCase
{
    public override Operator Operator => Operator.Linear;

    public override WeightType Stored => Type;

    protected const float Scale = 1.75f;

    protected float[] X => TestData.Uniform(Rows * In, 1);
    protected float[] W => WeightReference.Stored(TestData.Uniform(Out * In, 2), Type, In);
    protected float[] Bias => TestData.Uniform(Out, 3);
    protected float[] A => TestData.Uniform(Rank * In, 4);
    protected float[] B => TestData.Uniform(Out * Rank, 5);

    protected LinearReference Reference => new(Rows, In, Out, Rank, Scale)
    {
        X = X.ToDouble(), W = W.ToDouble(), Bias = HasBias ? Bias.ToDouble() : null, A = A.ToDouble(), B = B.ToDouble(),
    };

    protected LinearOperands Operands(Sandbox sandbox) => new(
        sandbox.Weight("w", TestData.Uniform(Out * In, 2), Type, In),
        HasBias ? sandbox.Input("bias", Bias) : default,
        Rank > 0 ? sandbox.Input("A", A) : default,
        Rank > 0 ? sandbox.Input("B", B) : default,
        In, Out, Rank, Scale);
}

public sealed record LinearForwardCase(int Rows, int In, int Out, int Rank, bool HasBias, WeightType Type = WeightType.F32)
    : LinearCase(Rows, In, Out, Rank, HasBias, Type)
{
    public override Action Prepare(Sandbox sandbox)
    {
        var y = sandbox.Output("y", Reference.Forward());
        var xa = Rank > 0 ? sandbox.Output("xa", Reference.XA()) : default;
        var x = sandbox.Input("x", X);
        var w = Operands(sandbox);
        return () => sandbox.Backend.LinearForward(y, xa, x, w, Rows);
    }
}

/// <summary>Which gradients are asked for, besides those of the adapter.</summary>
[Flags]
public enum LinearGradientSet
{
    None = 0,
    Input = 1,
    Adapter = 2,
    Weight = 4,
    Bias = 8,
    All = 15,
}

public sealed record LinearBackwardCase(
    int Rows, int In, int Out, int Rank, LinearGradientSet Wanted, bool Accumulate, WeightType Type = WeightType.F32)
    : LinearCase(Rows, In, Out, Rank, true, Type)
{
    public override Action Prepare(Sandbox sandbox)
    {
        var reference = Reference;
        var dy = TestData.Uniform(Rows * Out, 6);
        var dyReference = dy.ToDouble();
        bool adapter = Rank > 0 && Wanted.HasFlag(LinearGradientSet.Adapter);

        var dx = !Wanted.HasFlag(LinearGradientSet.Input) ? default
            : Accumulate ? Accumulated(sandbox, "dx", reference.DX(dyReference))
            : sandbox.Output("dx", reference.DX(dyReference));
        var gradients = new LinearGradients(
            Wanted.HasFlag(LinearGradientSet.Weight) ? Accumulated(sandbox, "dW", reference.DW(dyReference)) : default,
            Wanted.HasFlag(LinearGradientSet.Bias) ? Accumulated(sandbox, "dbias", reference.DBias(dyReference)) : default,
            adapter ? Accumulated(sandbox, "dA", reference.DA(dyReference)) : default,
            adapter ? Accumulated(sandbox, "dB", reference.DB(dyReference)) : default);
        var dyb = Rank > 0 ? sandbox.Scratch("dyb", Rows * Rank) : default;
        var spanDy = sandbox.Input("dy", dy);
        var x = sandbox.Input("x", X);
        var xa = Rank > 0 ? sandbox.Input("xa", Array.ConvertAll(reference.XA(), v => (float)v)) : default;
        var w = Operands(sandbox);
        return () => sandbox.Backend.LinearBackward(dx, gradients, dyb, spanDy, x, xa, w, Rows, Accumulate);
    }

    private static DeviceSpan<float> Accumulated(Sandbox sandbox, string name, double[] gradient)
    {
        var before = TestData.Uniform(gradient.Length, 7);
        return sandbox.Output(name, [.. gradient.Select((g, i) => g + before[i])], before);
    }

    public override IEnumerable<(string Gradient, double Error)> GradientErrors()
    {
        var r = Reference;
        var dy = TestData.Uniform(Rows * Out, 6).ToDouble();
        LinearReference With(double[]? x = null, double[]? w = null, double[]? bias = null, double[]? a = null, double[]? b = null) =>
            new(Rows, In, Out, Rank, Scale) { X = x ?? r.X, W = w ?? r.W, Bias = bias ?? r.Bias, A = a ?? r.A, B = b ?? r.B };
        return
        [
            ("dx", FiniteDifferences.Error(r.DX(dy), v => With(x: v).Forward(), r.X, dy)),
            ("dW", FiniteDifferences.Error(r.DW(dy), v => With(w: v).Forward(), r.W, dy)),
            ("dbias", FiniteDifferences.Error(r.DBias(dy), v => With(bias: v).Forward(), r.Bias!, dy)),
            ("dA", FiniteDifferences.Error(r.DA(dy), v => With(a: v).Forward(), r.A, dy)),
            ("dB", FiniteDifferences.Error(r.DB(dy), v => With(b: v).Forward(), r.B, dy)),
        ];
    }
}

/// <summary>A linear layer and what follows on it: gelu(y), or silu(z) * y with a gate z; <paramref name="InPlace"/>: over y.</summary>
public sealed record LinearActivationCase(int Rows, int In, int Out, int Rank, bool Gated, bool InPlace, WeightType Type = WeightType.F32)
    : LinearCase(Rows, In, Out, Rank, true, Type)
{
    public override Action Prepare(Sandbox sandbox)
    {
        var y = Reference.Forward();
        var z = TestData.Uniform(Rows * Out, 8);
        double[] fy = [.. y.Select((v, i) => Gated ? FormulaReference.Silu(z[i]) * v : FormulaReference.Gelu(v))];
        var spanFy = sandbox.Output("fy", fy);
        var spanY = InPlace ? spanFy : sandbox.Output("y", y);
        var xa = Rank > 0 ? sandbox.Output("xa", Reference.XA()) : default;
        var spanZ = Gated ? sandbox.Input("z", z) : default;
        var x = sandbox.Input("x", X);
        var w = Operands(sandbox);
        return Gated
            ? () => sandbox.Backend.LinearForward<SwiGlu>(spanFy, spanZ, spanY, xa, x, w, Rows)
            : () => sandbox.Backend.LinearForward<Gelu>(spanFy, spanY, xa, x, w, Rows);
    }
}
