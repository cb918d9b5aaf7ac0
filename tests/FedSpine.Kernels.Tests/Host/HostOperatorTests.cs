using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

/// <summary>What every operator must pass, on every vector width.</summary>
public abstract class HostOperatorTests(CaseSuite suite)
{
    protected IEnumerable<OperatorCase> Cases => suite.Cases;

    private IEnumerable<OperatorCase> LargeCases => suite.LargeCases;

    public static TheoryData<HostIsa> Widths => HostBackends.Widths;

    [Theory, MemberData(nameof(Widths))]
    public void MatchesReference(HostIsa isa) => HostBackends.Check(isa, Cases.Concat(LargeCases));

    [Theory, MemberData(nameof(Widths))]
    public void ThreadsDoNotChangeBits(HostIsa isa) => HostBackends.CheckThreads(isa, LargeCases);

    [Theory, MemberData(nameof(Widths))]
    public void AllocatesNothing(HostIsa isa) => HostBackends.CheckAllocations(isa, LargeCases);
}
