namespace FedSpine.Kernels.Tests.Cases;

public sealed class MatMulSuite : CaseSuite
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
            { (130, 70, 700, 1), (29, 65, 300, 1), (32, 70, 256, 1), (33, 65, 256, 1), (1000, 12, 90, 1), (77, 7, 500, 1), (20, 600, 330, 1), (3, 520, 800, 1), (14, 90, 300, 1), (70, 6, 1000, 1), (9, 130, 1000, 1), (128, 96, 256, 1), (40, 40, 50, 6), (256, 260, 45, 1), (130, 100, 50, 3) }
        from accumulate in Both
        select new MatMulCase(layout, shape.M, shape.N, shape.K, shape.Batch, Accumulate: accumulate);
}
