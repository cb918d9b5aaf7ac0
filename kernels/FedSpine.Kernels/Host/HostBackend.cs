using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>Makes the host backend for this machine.</summary>
public static class HostBackend
{
    /// <param name="threads">Worker threads, the caller included; 0: one per core.</param>
    /// <param name="isa">Vector width; null: the widest that runs in hardware here. A wider one still computes right, slowly.</param>
    public static IComputeBackend Create(int threads = 0, HostIsa? isa = null)
    {
        if (threads == 0)
            threads = Environment.ProcessorCount;
        return (isa ?? HostIsaSupport.Best) switch
        {
            HostIsa.Vector512 => new HostBackend<Simd512, Vector512<float>>(threads, "AVX-512"),
            HostIsa.Vector256 => new HostBackend<Simd256, Vector256<float>>(threads, "256-bit"),
            HostIsa.Vector128 => new HostBackend<Simd128, Vector128<float>>(threads, "128-bit"),
            _ => new HostBackend<SimdScalar, float>(threads, "scalar"),
        };
    }
}

/// <summary>
/// The operators on the host, written once over the vector type: one file per operator. Which width runs is settled when the
/// backend is made; there is no dispatch inside an operator. Not thread-safe: one caller at a time.
/// </summary>
internal sealed unsafe partial class HostBackend<TSimd, TVector>(int threads, string isaName) : IComputeBackend
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Below this many elements per thread a fork costs more than it saves.</summary>
    private const int ElementGrain = 16 * 1024;

    private readonly WorkerPool _pool = new(threads);

    public string Name => $"host {isaName}, {_pool.Count} thread{(_pool.Count == 1 ? "" : "s")}";

    public bool Supports(Operator op, Type type) => type == typeof(float);

    public bool Supports(Operator op, WeightType type) =>
        op is Operator.Linear or Operator.Embedding or Operator.GatherRows or Operator.SquareSums or Operator.LoraImportance;

    public Arena Allocate(long bytes) => new HostArena(bytes);

    public void Upload<T>(DeviceSpan<T> destination, ReadOnlySpan<T> source) where T : unmanaged
    {
        RequireLength(destination, source.Length);
        source.CopyTo(new Span<T>(Pointer(destination), destination.Length));
    }

    public void Download<T>(Span<T> destination, DeviceSpan<T> source) where T : unmanaged
    {
        RequireLength(source, destination.Length);
        new Span<T>(Pointer(source), source.Length).CopyTo(destination);
    }

    public void Synchronize() { }

    public void Dispose()
    {
        _pool.Dispose();
        DisposeMatMulScratch();
    }

    /// <summary>Address of the slice; null when absent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T* Pointer<T>(DeviceSpan<T> span) where T : unmanaged =>
        span.Arena is null ? null : (T*)(((HostArena)span.Arena).Pointer + span.ByteOffset);

    /// <summary>Address of the weight's first row; null when absent.</summary>
    private static byte* Pointer(WeightSpan span) => span.Arena is null ? null : ((HostArena)span.Arena).Pointer + span.ByteOffset;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RequireLength<T>(DeviceSpan<T> span, long length, [CallerArgumentExpression(nameof(span))] string name = "")
        where T : unmanaged
    {
        if (span.Length != length)
            ThrowLength(name, span.Length, length);
    }

    private static void RequireLength(WeightSpan span, long length, [CallerArgumentExpression(nameof(span))] string name = "")
    {
        if (span.Length != length)
            ThrowLength(name, span.Length, length);
    }

    private static void ThrowLength(string name, long actual, long expected) =>
        throw new ArgumentException($"{name} has {actual} elements, the shape needs {expected}");
}
