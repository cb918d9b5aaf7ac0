using System.Diagnostics;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Kernels.Tests;

/// <summary>
/// One operator call with its reference: makes the buffers in the sandbox and calls the operator. A case serves in four modes: test
/// (<see cref="Check"/>, on every backend), gradient (<see cref="GradientErrors"/>, of the reference itself), benchmark
/// (<see cref="Measure"/>) and support (<see cref="IsSupported"/>); also for bit equality over thread counts and for allocation counting.
/// </summary>
public abstract record OperatorCase
{
    /// <summary>What is called.</summary>
    public abstract Operator Operator { get; }

    /// <summary>How its weight is stored, where the operator takes one that may be stored otherwise.</summary>
    public virtual WeightType Stored => WeightType.F32;

    /// <summary>Prepares the buffers; the returned action is the operator call alone.</summary>
    public abstract Action Prepare(Sandbox sandbox);

    /// <summary>Whether the backend says that it can run the case.</summary>
    public bool IsSupported(IComputeBackend backend) => backend.Supports(Operator, typeof(float)) && (Stored == WeightType.F32 || backend.Supports(Operator, Stored));

    /// <summary>Runs on the backend and compares.</summary>
    /// <exception cref="MismatchException">A result is outside its tolerance, or memory was touched that must not be.</exception>
    /// <param name="tolerance">Of a backend that computes with less than float32; at least the case's own.</param>
    public void Check(IComputeBackend backend, double tolerance = 0)
    {
        using var sandbox = new Sandbox(backend, tolerance);
        Prepare(sandbox)();
        backend.Synchronize();
        sandbox.Verify(this);
    }

    /// <summary>
    /// For a backward case: how far each gradient of the double-precision reference is from central differences of the reference's forward
    /// pass, at most. Each element costs two forward passes: for small shapes.
    /// </summary>
    public virtual IEnumerable<(string Gradient, double Error)> GradientErrors() => [];

    /// <summary>Times the call on a device.</summary>
    /// <param name="rounds">How often; the median counts. A round repeats short calls until it takes a millisecond, so that launches overlap.</param>
    public CaseTime Measure(IComputeBackend backend, int rounds)
    {
        var counter = new ProfilingBackend(new RecordingBackend());
        using (var counted = new Sandbox(counter))
        {
            var call = Prepare(counted);
            counter.Clear();
            call();
        }

        using var sandbox = new Sandbox(backend);
        var run = Prepare(sandbox);
        double Seconds(int repeats)
        {
            backend.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
                run();
            backend.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        Seconds(1);
        int repeats = (int)Math.Clamp(1e-3 / Seconds(1), 1, 1000);
        double[] seconds = [.. Enumerable.Range(0, rounds).Select(_ => Seconds(repeats) / repeats).Order()];
        return new CaseTime(seconds[rounds / 2], counter.Calls.Sum(c => c.Flops), counter.Calls.Sum(c => c.Bytes));
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

/// <summary>What a case takes on a device.</summary>
/// <param name="Seconds">A call.</param>
/// <param name="Flops">Floating-point operations of a call, a multiply-add counting two.</param>
/// <param name="Bytes">Bytes of its operands, each counted once.</param>
public readonly record struct CaseTime(double Seconds, long Flops, long Bytes);

/// <summary>An operator's result is not the reference's.</summary>
public sealed class MismatchException(string message) : Exception(message);
