using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class AttentionTests
{
    public static TheoryData<HostIsa> Widths => HostBackends.Widths;

    private static readonly (int B, int T, int QueryHeads, int KeyValueHeads, int HeadSize)[] Shapes =
        [(1, 1, 1, 1, 1), (2, 7, 2, 2, 8), (3, 33, 4, 2, 16), (2, 65, 3, 1, 7), (3, 100, 2, 1, 32), (2, 130, 6, 3, 5)];

    [Theory, MemberData(nameof(Widths))]
    public void Forward(HostIsa isa) => HostBackends.Check(isa, ForwardCases);

    [Theory, MemberData(nameof(Widths))]
    public void Backward(HostIsa isa) => HostBackends.Check(isa, BackwardCases);

    [Theory, MemberData(nameof(Widths))]
    public void ThreadsDoNotChangeBits(HostIsa isa) => HostBackends.CheckThreads(isa, ForwardCases.Concat(BackwardCases));

    [Theory, MemberData(nameof(Widths))]
    public void AllocatesNothing(HostIsa isa) => HostBackends.CheckAllocations(isa, ForwardCases.Concat(BackwardCases));

    private static IEnumerable<OperatorCase> ForwardCases =>
        from s in Shapes
        from causal in new[] { false, true }
        select new AttentionForwardCase(s.B, s.T, s.QueryHeads, s.KeyValueHeads, s.HeadSize, causal);

    private static IEnumerable<OperatorCase> BackwardCases =>
        from s in Shapes
        from causal in new[] { false, true }
        select new AttentionBackwardCase(s.B, s.T, s.QueryHeads, s.KeyValueHeads, s.HeadSize, causal);
}
