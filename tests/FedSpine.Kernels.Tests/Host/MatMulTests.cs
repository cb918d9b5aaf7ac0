using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class MatMulTests
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 7, 13, 17, 31, 33, 63, 65, 100];

    private static readonly MatMulLayout[] Layouts = Enum.GetValues<MatMulLayout>();

    public static TheoryData<HostIsa> Widths => HostBackends.Widths;

    [Theory, MemberData(nameof(Widths))]
    public void OddShapes(HostIsa isa) => HostBackends.Check(isa,
        from layout in Layouts from m in Sizes from n in Sizes from k in Sizes select new MatMulCase(layout, m, n, k));

    [Theory, MemberData(nameof(Widths))]
    public void StridesBatchesAlphaAndAccumulate(HostIsa isa) => HostBackends.Check(isa,
        from layout in Layouts
        from shape in new (int M, int N, int K)[] { (1, 1, 1), (5, 33, 17), (13, 7, 65), (49, 100, 31), (12, 32, 8) }
        from batch in new[] { 1, 2, 5 }
        from pad in new[] { 0, 3 }
        from alpha in new[] { 1f, -0.5f }
        from accumulate in new[] { false, true }
        select new MatMulCase(layout, shape.M, shape.N, shape.K, batch, pad, alpha, accumulate));

    [Theory, MemberData(nameof(Widths))]
    public void DeeperAndWiderThanABlock(HostIsa isa) => HostBackends.Check(isa, Large);

    [Theory, MemberData(nameof(Widths))]
    public void ThreadsDoNotChangeBits(HostIsa isa) => HostBackends.CheckThreads(isa, Large);

    [Theory, MemberData(nameof(Widths))]
    public void AllocatesNothing(HostIsa isa) => HostBackends.CheckAllocations(isa, Large);

    private static IEnumerable<OperatorCase> Large =>
        from layout in Layouts
        from shape in new (int M, int N, int K, int Batch)[] { (130, 70, 700, 1), (20, 600, 330, 1), (3, 520, 800, 1), (70, 6, 1000, 1), (40, 40, 50, 6) }
        from accumulate in new[] { false, true }
        select new MatMulCase(layout, shape.M, shape.N, shape.K, shape.Batch, Accumulate: accumulate);
}
