using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench.Workloads;

/// <summary>Buffers of a workload in one arena, filled with small values of both signs.</summary>
internal sealed class Slots : IDisposable
{
    private readonly Arena _arena;
    private readonly DeviceSpan<float>[] _spans;

    public Slots(IComputeBackend backend, params int[] lengths)
    {
        var layout = new ArenaLayout();
        long[] offsets = [.. lengths.Select(layout.Reserve<float>)];
        _arena = backend.Allocate(layout.Bytes);
        _spans = [.. offsets.Zip(lengths, (offset, length) => length == 0 ? default : new DeviceSpan<float>(_arena, offset, length))];
        foreach (var span in _spans.Where(s => !s.IsEmpty))
            backend.Upload<float>(span, [.. Enumerable.Range(0, span.Length).Select(i => (i % 13 - 6) / 32f)]);
    }

    public DeviceSpan<float> this[int i] => _spans[i];

    public void Dispose() => _arena.Dispose();

    /// <summary>The same of integers.</summary>
    public static (DeviceSpan<int> Span, Arena Owner) Integers(IComputeBackend backend, int[] values)
    {
        var layout = new ArenaLayout();
        long offset = layout.Reserve<int>(values.Length);
        var arena = backend.Allocate(layout.Bytes);
        var span = new DeviceSpan<int>(arena, offset, values.Length);
        backend.Upload<int>(span, values);
        return (span, arena);
    }
}
