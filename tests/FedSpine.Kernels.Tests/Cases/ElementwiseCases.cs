using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

public sealed record FillCase(int Length, float Value) : OperatorCase
{
    public override Operator Operator => Operator.Fill;

    public override Action Prepare(Sandbox sandbox)
    {
        var y = sandbox.Output("y", [.. Enumerable.Repeat((double)Value, Length)], tolerance: 0);
        return () => sandbox.Backend.Fill(y, Value);
    }
}

public sealed record CopyCase(int Length) : OperatorCase
{
    public override Operator Operator => Operator.Copy;

    public override Action Prepare(Sandbox sandbox)
    {
        var values = TestData.Uniform(Length, 1);
        var y = sandbox.Output("y", values.ToDouble(), tolerance: 0);
        var x = sandbox.Input("x", values);
        return () => sandbox.Backend.Copy(y, x);
    }
}

/// <summary>y = gelu(x), on a buffer of its own or on x.</summary>
public sealed record UnaryMapCase(int Length, bool InPlace = false) : OperatorCase
{
    public override Operator Operator => Operator.Map;

    public override Action Prepare(Sandbox sandbox)
    {
        var values = Array.ConvertAll(TestData.Uniform(Length, 1), v => 4 * v);
        double[] expected = [.. values.Select(v => FormulaReference.Gelu(v))];
        var y = sandbox.Output("y", expected, InPlace ? values : null, 1e-6);
        var x = InPlace ? y : sandbox.Input("x", values);
        return () => sandbox.Backend.Map<Gelu>(y, x);
    }
}

/// <summary>h = silu(gate) * up, which is not symmetric; <paramref name="On"/>: the operand that h lies on (0: none).</summary>
public sealed record BinaryMapCase(int Length, int On = 0) : OperatorCase
{
    public override Operator Operator => Operator.Map;

    public override Action Prepare(Sandbox sandbox)
    {
        float[][] x = [TestData.Uniform(Length, 1), TestData.Uniform(Length, 2)];
        double[] expected = [.. x[0].Zip(x[1], (gate, up) => FormulaReference.Silu(gate) * up)];
        var h = sandbox.Output("h", expected, On == 0 ? null : x[On - 1], 1e-6);
        var gate = On == 1 ? h : sandbox.Input("gate", x[0]);
        var up = On == 2 ? h : sandbox.Input("up", x[1]);
        return () => sandbox.Backend.Map<SwiGlu>(h, gate, up);
    }
}

/// <summary>dgate from gate, up and dh; <paramref name="On"/>: the operand that it lies on (0: none).</summary>
public sealed record TernaryMapCase(int Length, int On = 0) : OperatorCase
{
    public override Operator Operator => Operator.Map;

    public override Action Prepare(Sandbox sandbox)
    {
        float[][] x = [TestData.Uniform(Length, 1), TestData.Uniform(Length, 2), TestData.Uniform(Length, 3)];
        var expected = FiniteDifferencesOfSwiGlu(x[0].ToDouble(), x[1].ToDouble(), x[2].ToDouble());
        var dgate = sandbox.Output("dgate", expected, On == 0 ? null : x[On - 1], 1e-6);
        var gate = On == 1 ? dgate : sandbox.Input("gate", x[0]);
        var up = On == 2 ? dgate : sandbox.Input("up", x[1]);
        var dh = On == 3 ? dgate : sandbox.Input("dh", x[2]);
        return () => sandbox.Backend.Map<SwiGluBackwardGate>(dgate, gate, up, dh);
    }

    internal static double[] FiniteDifferencesOfSwiGlu(double[] gate, double[] up, double[] dh)
    {
        const double step = 1e-5;
        return [.. gate.Select((g, i) => dh[i] * up[i] * (FormulaReference.Silu(g + step) - FormulaReference.Silu(g - step)) / (2 * step))];
    }
}

/// <summary>dgate and dup in one pass; <paramref name="OnDh"/>: dup lies on dh.</summary>
public sealed record SwiGluBackwardCase(int Length, bool OnDh = false) : OperatorCase
{
    public override Operator Operator => Operator.Map;

    public override Action Prepare(Sandbox sandbox)
    {
        float[][] x = [TestData.Uniform(Length, 1), TestData.Uniform(Length, 2), TestData.Uniform(Length, 3)];
        double[] dup = [.. x[0].Zip(x[2], (gate, dh) => dh * FormulaReference.Silu(gate))];
        var spanDgate = sandbox.Output("dgate", TernaryMapCase.FiniteDifferencesOfSwiGlu(x[0].ToDouble(), x[1].ToDouble(), x[2].ToDouble()), null, 1e-6);
        var spanDup = sandbox.Output("dup", dup, OnDh ? x[2] : null, 1e-6);
        DeviceSpan<float> gate = sandbox.Input("gate", x[0]), up = sandbox.Input("up", x[1]);
        var dh = OnDh ? spanDup : sandbox.Input("dh", x[2]);
        return () => sandbox.Backend.SwiGluBackward(spanDgate, spanDup, gate, up, dh);
    }
}

/// <summary>The mask comes from <see cref="DropoutReference"/>.</summary>
public sealed record DropoutCase(int Length, float Rate, ulong Seed, bool InPlace = false) : OperatorCase
{
    public override Operator Operator => Operator.Dropout;

    public override Action Prepare(Sandbox sandbox)
    {
        var values = TestData.Uniform(Length, 1);
        double[] expected = [.. values.Select((v, i) => DropoutReference.Keeps(Seed, i, Rate) ? v / (1.0 - Rate) : 0)];
        var y = sandbox.Output("y", expected, InPlace ? values : null, 3e-7);
        var x = InPlace ? y : sandbox.Input("x", values);
        return () => sandbox.Backend.Dropout(y, x, Rate, Seed);
    }
}
