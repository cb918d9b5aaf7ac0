using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class MatMulOperatorTests() : HostOperatorTests(new MatMulSuite())
{
    [Fact]
    public void HeadsAreReadInPlace()
    {
        // Scores of 3 heads of size 5 that lie side by side in rows of 15: the batch stride is shorter than a matrix.
        const int T = 7, H = 3, D = 5;
        float[] q = TestData.Uniform(T * H * D, 1), k = TestData.Uniform(T * H * D, 2);
        var expected = new double[H * T * T];
        for (int i = 0; i < expected.Length; i++)
        {
            int h = i / (T * T), t = i / T % T, s = i % T;
            for (int d = 0; d < D; d++)
                expected[i] += (double)q[(t * H + h) * D + d] * k[(s * H + h) * D + d];
        }

        var shape = new MatMulShape(MatMulLayout.NT, T, T, D, H) { StrideA = H * D, StrideB = H * D, BatchStrideA = D, BatchStrideB = D };
        using var backend = HostBackend.Create(2);
        using var sandbox = new Sandbox(backend);
        backend.MatMul(sandbox.Output("c", expected), sandbox.Input("a", q), sandbox.Input("b", k), shape);
        sandbox.Verify("heads");
    }

    [Fact]
    public void RejectsWhatDoesNotFit()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var (a, b, c) = (sandbox.Input("a", new float[6]), sandbox.Input("b", new float[12]), sandbox.Input("c", new float[8]));
        Expect.Rejects(sandbox, () => backend.MatMul(c, a, b, new(MatMulLayout.NN, 3, 4, 3)), "c has 8", "12");
        Expect.Rejects(sandbox, () => backend.MatMul(c, a, b, new(MatMulLayout.NN, 2, 4, 4)), "a has 6", "8");
        Expect.Rejects(sandbox, () => backend.MatMul(c, a, b, new(MatMulLayout.NT, 1, 8, 3)), "b has 12", "24");
        Expect.Rejects(sandbox, () => backend.MatMul(c, a, b, new(MatMulLayout.TN, 2, 4, 3) { StrideC = 5 }), "c has 8", "9");
        Expect.Rejects(sandbox, () => backend.MatMul(c, a, b, new(MatMulLayout.NN, 2, 4, 3) { StrideA = 2 }), "a", "stride 2");
        Expect.Rejects(sandbox, () => backend.MatMul(c, a, b, new(MatMulLayout.NN, -1, 4, 3)), "-1");
    }
}
