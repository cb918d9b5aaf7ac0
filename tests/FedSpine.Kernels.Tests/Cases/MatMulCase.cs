using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>A product; <paramref name="Pad"/> elements are added to every row stride and batch stride.</summary>
public sealed record MatMulCase(MatMulLayout Layout, int M, int N, int K, int Batch = 1, int Pad = 0, float Alpha = 1, bool Accumulate = false) : OperatorCase
{
    public override Operator Operator => Operator.MatMul;

    private MatMulShape Shape
    {
        get
        {
            var s = new MatMulShape(Layout, M, N, K, Batch);
            return s with
            {
                StrideA = s.StrideA + Pad,
                StrideB = s.StrideB + Pad,
                StrideC = s.StrideC + Pad,
                BatchStrideA = (long)(s.StrideA + Pad) * (Layout == MatMulLayout.TN ? K : M) + Pad,
                BatchStrideB = (long)(s.StrideB + Pad) * (Layout == MatMulLayout.NT ? N : K) + Pad,
                BatchStrideC = (long)(s.StrideC + Pad) * M + Pad,
            };
        }
    }

    public override Action Prepare(Sandbox sandbox)
    {
        var s = Shape;
        var a = TestData.Uniform((int)s.BatchStrideA * Batch, 1);
        var b = TestData.Uniform((int)s.BatchStrideB * Batch, 2);
        var c = TestData.Uniform((int)s.BatchStrideC * Batch, 3); // what lies between the rows must stay
        var expected = c.ToDouble();
        MatMulReference.MatMul(expected, a.ToDouble(), b.ToDouble(), s, Alpha, Accumulate);
        if (!Accumulate && Pad == 0)
            Array.Fill(c, float.NaN);
        DeviceSpan<float> spanC = sandbox.Output("c", expected, c), spanA = sandbox.Input("a", a), spanB = sandbox.Input("b", b);
        return () => sandbox.Backend.MatMul(spanC, spanA, spanB, s, Alpha, Accumulate);
    }
}
