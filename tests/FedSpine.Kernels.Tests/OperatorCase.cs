namespace FedSpine.Kernels.Tests;

/// <summary>
/// One operator call with its reference: makes the buffers in the sandbox and calls the operator. The same case serves for
/// correctness on every backend, for bit equality over thread counts and for allocation counting.
/// </summary>
public abstract record OperatorCase
{
    /// <summary>Prepares the buffers; the returned action is the operator call alone.</summary>
    public abstract Action Prepare(Sandbox sandbox);

    /// <summary>Runs on the backend and compares.</summary>
    /// <param name="tolerance">Of a backend that computes with less than float32; at least the case's own.</param>
    public void Check(IComputeBackend backend, double tolerance = 0)
    {
        using var sandbox = new Sandbox(backend, tolerance);
        Prepare(sandbox)();
        backend.Synchronize();
        sandbox.Verify(this);
    }

    /// <summary>Runs on the backend and returns the bits of the outputs.</summary>
    public int[] Bits(IComputeBackend backend)
    {
        using var sandbox = new Sandbox(backend);
        Prepare(sandbox)();
        backend.Synchronize();
        return sandbox.OutputBits();
    }
}
