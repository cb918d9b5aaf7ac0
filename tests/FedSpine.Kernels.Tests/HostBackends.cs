using FedSpine.Kernels.Host;

namespace FedSpine.Kernels.Tests;

/// <summary>
/// The host backends that tests run on: every vector width with 2 threads. In a child process with instruction sets switched
/// off, only the best that is left.
/// </summary>
public static class HostBackends
{
    public static TheoryData<HostIsa> Widths => [.. Enum.GetValues<HostIsa>().Where(isa => !ChildProcess.IsChild || isa == HostIsaSupport.Best)];

    /// <summary>Checks every case on one width.</summary>
    public static void Check(HostIsa isa, IEnumerable<OperatorCase> cases)
    {
        using var backend = HostBackend.Create(threads: 2, isa);
        int count = 0;
        foreach (var operatorCase in cases)
        {
            operatorCase.Check(backend);
            count++;
        }

        Assert.NotEqual(0, count);
    }

    /// <summary>Threads 1, 2 and 3 must give the same bits.</summary>
    public static void CheckThreads(HostIsa isa, IEnumerable<OperatorCase> cases)
    {
        IComputeBackend[] backends = [HostBackend.Create(1, isa), HostBackend.Create(2, isa), HostBackend.Create(3, isa)];
        foreach (var operatorCase in cases)
        {
            var expected = operatorCase.Bits(backends[0]);
            for (int i = 1; i < backends.Length; i++)
                Assert.True(expected.AsSpan().SequenceEqual(operatorCase.Bits(backends[i])), $"{operatorCase}: {i + 1} threads differ from one");
        }

        foreach (var backend in backends)
            backend.Dispose();
    }

    /// <summary>After one warm-up call, the operator allocates nothing managed.</summary>
    public static void CheckAllocations(HostIsa isa, IEnumerable<OperatorCase> cases)
    {
        using var backend = HostBackend.Create(threads: 2, isa);
        foreach (var operatorCase in cases)
        {
            using var sandbox = new Sandbox(backend);
            var call = operatorCase.Prepare(sandbox);
            call();
            long allocated = long.MaxValue;
            for (int i = 0; i < 5 && allocated != 0; i++) // a collection in the middle is counted as 8 kB: look again
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                call();
                allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            Assert.True(allocated == 0, $"{backend.Name}: {operatorCase}: {allocated} bytes allocated");
        }
    }
}
