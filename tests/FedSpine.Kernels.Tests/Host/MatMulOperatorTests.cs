using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class MatMulOperatorTests : HostOperatorTests
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 7, 13, 17, 31, 33, 63, 65, 100];

    private static readonly MatMulLayout[] Layouts = Enum.GetValues<MatMulLayout>();

    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from layout in Layouts from m in Sizes from n in Sizes from k in Sizes select new MatMulCase(layout, m, n, k),
        .. from layout in Layouts
           from shape in new (int M, int N, int K)[] { (1, 1, 1), (5, 33, 17), (13, 7, 65), (49, 100, 31), (12, 32, 8), (0, 3, 2), (3, 0, 2), (4, 5, 0) }
           from batch in new[] { 0, 1, 2, 5 }
           from pad in new[] { 0, 3 }
           from alpha in new[] { 1f, -0.5f }
           from accumulate in Both
           select new MatMulCase(layout, shape.M, shape.N, shape.K, batch, pad, alpha, accumulate),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
        from layout in Layouts
        from shape in new (int M, int N, int K, int Batch)[]
            { (130, 70, 700, 1), (29, 65, 300, 1), (32, 70, 256, 1), (33, 65, 256, 1), (1000, 12, 90, 1), (77, 7, 500, 1), (20, 600, 330, 1), (3, 520, 800, 1), (14, 90, 300, 1), (70, 6, 1000, 1), (9, 130, 1000, 1), (128, 96, 256, 1), (40, 40, 50, 6) }
        from accumulate in Both
        select new MatMulCase(layout, shape.M, shape.N, shape.K, shape.Batch, Accumulate: accumulate);

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
