using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Generation;

/// <summary>
/// Keys (rotated) and values of every layer, for several sequences of up to <see cref="Capacity"/> tokens: float32, one arena,
/// allocated once. Layers may differ in heads.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Model _model;
    private readonly Arena _arena;
    private readonly DeviceSpan<float>[] _keys;   // per layer (Rows, KVH, Capacity, D)
    private readonly DeviceSpan<float>[] _values; // the same
    private readonly int[] _lengths;              // (Rows)

    /// <exception cref="InputException">A layer's part exceeds what one buffer can hold.</exception>
    public KeyValueCache(Model model, int rows, int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        (_model, Rows, Capacity) = (model, rows, capacity);
        var layers = model.Spec.Layers;
        if (layers.Any(l => (long)rows * capacity * l.KeyValueSize > int.MaxValue))
            throw new InputException($"a key-value cache of {rows} x {capacity} tokens is too large: {BytesFor(model.Spec, rows, capacity)} bytes");
        var layout = new ArenaLayout();
        long[] offsets = [.. layers.SelectMany(l => new[] { l, l }).Select(l => layout.Reserve<float>(rows * capacity * l.KeyValueSize))];
        _arena = model.Backend.Allocate(layout.Bytes, $"keys and values of {rows} x {capacity} tokens", Decoder.LessContext);
        DeviceSpan<float> At(int l, int part) => new(_arena, offsets[2 * l + part], rows * capacity * layers[l].KeyValueSize);
        _keys = [.. layers.Select((_, l) => At(l, 0))];
        _values = [.. layers.Select((_, l) => At(l, 1))];
        _lengths = new int[rows];
    }

    /// <summary>Sequences.</summary>
    public int Rows { get; }

    /// <summary>Tokens a sequence can have.</summary>
    public int Capacity { get; }

    public long Bytes => _arena.Bytes;

    /// <summary>Tokens cached, per sequence.</summary>
    public ReadOnlySpan<int> Lengths => _lengths;

    /// <summary>What a cache takes: 2 x KVH x D x 4 bytes a token and layer.</summary>
    public static long BytesFor(ModelSpec spec, int rows, int capacity) =>
        spec.Layers.Sum(l => 2 * Arena.Align((long)rows * capacity * l.KeyValueSize * sizeof(float)));

    /// <summary>The sequence in row <paramref name="from"/> also becomes that of row <paramref name="to"/>.</summary>
    public void Copy(int from, int to)
    {
        for (int l = 0; l < _keys.Length; l++)
        {
            _model.Backend.Copy(Part(_keys[l], to, 1), Part(_keys[l], from, 1));
            _model.Backend.Copy(Part(_values[l], to, 1), Part(_values[l], from, 1));
        }

        _lengths[to] = _lengths[from];
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>Keys or values of rows [first, first + rows).</summary>
    internal (DeviceSpan<float> Keys, DeviceSpan<float> Values, CacheShape Shape) Layer(int l, int first, int rows)
    {
        var layer = _model.Spec.Layers[l];
        return (Part(_keys[l], first, rows), Part(_values[l], first, rows),
            new CacheShape(rows, Capacity, layer.QueryHeads, layer.KeyValueHeads, layer.HeadSize));
    }

    internal void SetLength(int row, int length) => _lengths[row] = length;

    private DeviceSpan<float> Part(DeviceSpan<float> all, int first, int rows)
    {
        int row = all.Length / Rows;
        return all.Slice(first * row, rows * row);
    }
}
