using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>Small float vectors in one arena of their own, zeroed and read back together.</summary>
internal sealed class DeviceVectors : IDisposable
{
    private readonly IComputeBackend _backend;
    private readonly Arena _arena;
    private readonly DeviceSpan<float>[] _vectors;
    private readonly DeviceSpan<float> _all;
    private readonly float[] _host;

    public DeviceVectors(IComputeBackend backend, IEnumerable<int> lengths)
    {
        var layout = new ArenaLayout();
        var places = lengths.Select(length => (Offset: layout.Reserve<float>(length), Length: length)).ToArray();
        _backend = backend;
        _arena = backend.Allocate(layout.Bytes);
        _vectors = [.. places.Select(p => new DeviceSpan<float>(_arena, p.Offset, p.Length))];
        _host = new float[layout.Bytes / sizeof(float)];
        _all = new DeviceSpan<float>(_arena, 0, _host.Length);
    }

    public DeviceSpan<float> this[int index] => _vectors[index];

    public void Clear() => _backend.Fill(_all, 0);

    /// <summary>Makes <see cref="Host"/> current.</summary>
    public void Download() => _backend.Download(_host.AsSpan(), _all);

    public ReadOnlySpan<float> Host(int index) =>
        _host.AsSpan((int)(_vectors[index].ByteOffset / sizeof(float)), _vectors[index].Length);

    public void Dispose() => _arena.Dispose();
}
