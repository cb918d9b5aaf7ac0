using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class LinearTests
{
    public static TheoryData<HostIsa> Widths => HostBackends.Widths;

    private static readonly (int Rows, int In, int Out, int Rank)[] Shapes =
        [(1, 1, 1, 1), (1, 33, 65, 4), (7, 65, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16), (50, 63, 130, 5), (100, 340, 72, 8), (29, 40, 700, 3)];

    [Theory, MemberData(nameof(Widths))]
    public void Forward(HostIsa isa) => HostBackends.Check(isa, ForwardCases);

    [Theory, MemberData(nameof(Widths))]
    public void Backward(HostIsa isa) => HostBackends.Check(isa, BackwardCases);

    [Theory, MemberData(nameof(Widths))]
    public void ThreadsDoNotChangeBits(HostIsa isa) => HostBackends.CheckThreads(isa, ForwardCases.Concat(BackwardCases));

    [Theory, MemberData(nameof(Widths))]
    public void AllocatesNothing(HostIsa isa) => HostBackends.CheckAllocations(isa, ForwardCases.Concat(BackwardCases));

    private static IEnumerable<OperatorCase> ForwardCases =>
        from s in Shapes from bias in new[] { false, true } select new LinearForwardCase(s.Rows, s.In, s.Out, s.Rank, bias);

    private static IEnumerable<OperatorCase> BackwardCases =>
        from s in Shapes
        from wanted in new[] { LinearGradientSet.All, LinearGradientSet.Input, LinearGradientSet.Adapter, LinearGradientSet.Input | LinearGradientSet.Adapter, LinearGradientSet.Bias }
        from accumulate in new[] { false, true }
        select new LinearBackwardCase(s.Rows, s.In, s.Out, s.Rank, wanted, accumulate);
}
