using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>Attention over sequences of T, T - 1 / 2 ... and, in the last row of the batch, one position.</summary>
public abstract record AttentionCase(int B, int T, int QueryHeads, int KeyValueHeads, int HeadSize, bool Causal) : OperatorCase
{
    public override Operator Operator => Operator.Attention;

    protected AttentionShape Shape => new(B, T, QueryHeads, KeyValueHeads, HeadSize, Causal);

    protected int[] Lengths => [.. Enumerable.Range(0, B).Select(b => b == 0 ? T : b == B - 1 ? 1 : (T + b) / (b + 1))];

    // Four times as wide as usual, so that the probabilities are far from even.
    protected float[] Q => Array.ConvertAll(TestData.Uniform(B * T * QueryHeads * HeadSize, 1), x => 4 * x);
    protected float[] K => TestData.Uniform(B * T * KeyValueHeads * HeadSize, 2);
    protected float[] V => TestData.Uniform(B * T * KeyValueHeads * HeadSize, 3);

    protected AttentionReference Reference => new(Shape, Lengths) { Q = Q.ToDouble(), K = K.ToDouble(), V = V.ToDouble() };
}

public sealed record AttentionForwardCase(int B, int T, int QueryHeads, int KeyValueHeads, int HeadSize, bool Causal)
    : AttentionCase(B, T, QueryHeads, KeyValueHeads, HeadSize, Causal)
{
    public override Action Prepare(Sandbox sandbox)
    {
        var (expectedO, expectedLse) = Reference.Forward();
        DeviceSpan<float> o = sandbox.Output("o", expectedO), lse = sandbox.Output("lse", expectedLse);
        DeviceSpan<float> q = sandbox.Input("q", Q), k = sandbox.Input("k", K), v = sandbox.Input("v", V);
        var lengths = sandbox.Integers(Lengths);
        return () => sandbox.Backend.AttentionForward(o, lse, q, k, v, lengths, Shape);
    }
}

public sealed record AttentionBackwardCase(int B, int T, int QueryHeads, int KeyValueHeads, int HeadSize, bool Causal)
    : AttentionCase(B, T, QueryHeads, KeyValueHeads, HeadSize, Causal)
{
    public override Action Prepare(Sandbox sandbox)
    {
        var dO = TestData.Uniform(B * T * QueryHeads * HeadSize, 4); // not zero at padding: it must not leak
        var (expectedO, expectedLse) = Reference.Forward();
        var (expectedDq, expectedDk, expectedDv) = Reference.Backward(dO.ToDouble());
        DeviceSpan<float> dq = sandbox.Output("dq", expectedDq), dk = sandbox.Output("dk", expectedDk), dv = sandbox.Output("dv", expectedDv);
        DeviceSpan<float> q = sandbox.Input("q", Q), k = sandbox.Input("k", K), v = sandbox.Input("v", V), spanDo = sandbox.Input("do", dO);
        var o = sandbox.Input("o", Array.ConvertAll(expectedO, x => (float)x));
        var lse = sandbox.Input("lse", Array.ConvertAll(expectedLse, x => (float)x));
        var lengths = sandbox.Integers(Lengths);
        return () => sandbox.Backend.AttentionBackward(dq, dk, dv, spanDo, q, k, v, o, lse, lengths, Shape);
    }

    public override IEnumerable<(string Gradient, double Error)> GradientErrors()
    {
        double[] q = Q.ToDouble(), k = K.ToDouble(), v = V.ToDouble(), dO = TestData.Uniform(B * T * QueryHeads * HeadSize, 4).ToDouble();
        AttentionReference With(double[]? q2 = null, double[]? k2 = null, double[]? v2 = null) => new(Shape, Lengths) { Q = q2 ?? q, K = k2 ?? k, V = v2 ?? v };
        var (dq, dk, dv) = With().Backward(dO);
        return
        [
            ("dq", FiniteDifferences.Error(dq, x => With(q2: x).Forward().O, q, dO)),
            ("dk", FiniteDifferences.Error(dk, x => With(k2: x).Forward().O, k, dO)),
            ("dv", FiniteDifferences.Error(dv, x => With(v2: x).Forward().O, v, dO)),
        ];
    }
}
