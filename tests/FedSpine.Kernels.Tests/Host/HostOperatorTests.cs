using FedSpine.Kernels.Host;

namespace FedSpine.Kernels.Tests.Host;

/// <summary>What every operator must pass, on every vector width.</summary>
public abstract class HostOperatorTests
{
    /// <summary>Odd shapes, length 1, aliasing, absent operands.</summary>
    public abstract IEnumerable<OperatorCase> Cases { get; }

    /// <summary>Shapes large enough to be split between threads.</summary>
    public abstract IEnumerable<OperatorCase> LargeCases { get; }

    public static TheoryData<HostIsa> Widths => HostBackends.Widths;

    [Theory, MemberData(nameof(Widths))]
    public void MatchesReference(HostIsa isa) => HostBackends.Check(isa, Cases.Concat(LargeCases));

    [Theory, MemberData(nameof(Widths))]
    public void ThreadsDoNotChangeBits(HostIsa isa) => HostBackends.CheckThreads(isa, LargeCases);

    [Theory, MemberData(nameof(Widths))]
    public void AllocatesNothing(HostIsa isa) => HostBackends.CheckAllocations(isa, LargeCases);

    /// <summary>Lengths around every vector width and its multiples.</summary>
    protected static readonly int[] Lengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 129];

    protected static readonly bool[] Both = [false, true];
}
