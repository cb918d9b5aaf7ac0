using System.Diagnostics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Profiling;

/// <summary>
/// Runs every operator on another backend and writes down what it took: load a model on it instead of that backend. Each call waits
/// until the device has done it, so that times are the operators' own. Without it nothing is measured and nothing costs.
/// </summary>
/// <param name="inner">Does the work; disposed with this one.</param>
public sealed partial class ProfilingBackend(IComputeBackend inner) : IComputeBackend
{
    private readonly IComputeBackend _inner = inner;
    private readonly RecordingBackend _cost = new();
    private readonly Dictionary<(Arena, long), string> _labels = [];
    private readonly List<ProfiledCall> _calls = [];
    private string? _label;
    private long _flops;

    /// <summary>The calls so far, in order.</summary>
    public IReadOnlyList<ProfiledCall> Calls => _calls;

    public string Name => _inner.Name;

    /// <summary>Names the place in a model that reads this weight; calls without a weight of their own get the last one's.</summary>
    public void Label(WeightSpan weight, string label)
    {
        if (weight.Arena is { } arena)
            _labels[(arena, weight.ByteOffset)] = label;
    }

    /// <summary>Forgets the calls, and keeps room for as many.</summary>
    public void Clear()
    {
        _calls.Clear();
        _label = null;
    }

    public bool Supports(Operator op, Type type) => _inner.Supports(op, type);

    public bool Supports(Operator op, WeightType type) => _inner.Supports(op, type);

    public Arena Allocate(long bytes) => _inner.Allocate(bytes);

    public void Upload<T>(DeviceSpan<T> destination, ReadOnlySpan<T> source) where T : unmanaged
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Upload(destination, source);
        End("Upload", start, destination.Bytes);
    }

    public void Download<T>(Span<T> destination, DeviceSpan<T> source) where T : unmanaged
    {
        long start = Stopwatch.GetTimestamp();
        _inner.Download(destination, source);
        End("Download", start, source.Bytes);
    }

    public void Synchronize() => _inner.Synchronize();

    public void Dispose() => _inner.Dispose();

    private void End(string name, long start, long bytes, WeightSpan weight = default)
    {
        _inner.Synchronize();
        long ticks = Stopwatch.GetTimestamp() - start;
        if (weight.Arena is { } arena && _labels.TryGetValue((arena, weight.ByteOffset), out string? label))
            _label = label;
        _calls.Add(new ProfiledCall(name, _label, start, ticks, _cost.Flops - _flops, bytes));
        _flops = _cost.Flops;
    }

    private static long Bytes(in LinearOperands w) => w.Weight.Type.RowBytes(w.In) * w.Out + w.Bias.Bytes + w.A.Bytes + w.B.Bytes;

    private static long Bytes(in LinearGradients dw) => dw.Weight.Bytes + dw.Bias.Bytes + dw.A.Bytes + dw.B.Bytes;

    /// <summary>Made once a formula: a call must not make a string.</summary>
    private static class MapNames<TFormula>
    {
        public static string Name { get; } = "Map " + typeof(TFormula).Name;
    }

    /// <summary>With the fused operators, which it counts part by part.</summary>
    private IComputeBackend Cost => _cost;

    private static class FusedNames<TFormula>
    {
        public static string Name { get; } = "LinearForward " + typeof(TFormula).Name;
    }
}
