using FedSpine.Kernels;

namespace FedSpine.Bench.Workloads;

/// <summary>Something to time: prepared once, run again and again on the same inputs.</summary>
/// <param name="Flops">Operations of a run, a multiply-add counting two; 0 where that says nothing.</param>
/// <param name="Bytes">Memory that a run must read and write at least once; 0 where that says nothing.</param>
/// <param name="Run">One run.</param>
/// <param name="Owned">Disposed with it, in this order.</param>
internal sealed record Workload(double Flops, double Bytes, Action Run, params IDisposable[] Owned) : IDisposable
{
    public void Dispose()
    {
        foreach (var owned in Owned)
            owned.Dispose();
    }
}

/// <summary>A workload by name. Inputs are never edited once they are here, so that figures stay comparable: add new ones.</summary>
internal sealed record WorkloadRecipe(string Name, Func<IComputeBackend, Workload> Create)
{
    public override string ToString() => Name;
}
