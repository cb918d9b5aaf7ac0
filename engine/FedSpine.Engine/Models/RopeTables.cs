using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// Rotation tables (maxT, D): per position D/2 cosines, then D/2 sines, of the angles t * w with w = theta^(-2i/D) (Su et al., RoFormer,
/// arXiv 2104.09864), scaled where the model says so. One per head size; layers of the same head size share it.
/// </summary>
internal sealed class RopeTables : IDisposable
{
    private readonly Arena _arena;
    private readonly DeviceSpan<float>[] _tables;   // per head size (maxT, D)
    private readonly DeviceSpan<float>[] _gathered; // per head size (B, D)
    private readonly int[] _sizes;                  // head sizes
    private readonly int[] _indices;                // per layer, into the above

    public RopeTables(Model model, int maxT)
    {
        int[] sizes = _sizes = [.. model.Spec.Layers.Select(l => l.HeadSize).Distinct()];
        var layout = new ArenaLayout();
        var offsets = Array.ConvertAll(sizes, D => layout.Reserve<float>(maxT * D));
        _arena = model.Backend.Allocate(layout.Bytes, $"rotations of {maxT} positions", "shorter sequences need less");
        _tables = new DeviceSpan<float>[sizes.Length];
        _gathered = new DeviceSpan<float>[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            _tables[i] = new DeviceSpan<float>(_arena, offsets[i], maxT * sizes[i]);
            model.Backend.Upload<float>(_tables[i], Table(maxT, sizes[i], model.Spec));
        }

        _indices = [.. model.Spec.Layers.Select(l => Array.IndexOf(sizes, l.HeadSize))];
    }

    /// <summary>The table of a layer.</summary>
    public DeviceSpan<float> this[int layer] => _tables[_indices[layer]];

    /// <summary>Takes the rows of the batch's positions out of the tables, for <see cref="Rotate"/>, when it continues a cache.</summary>
    public void Begin(PassContext c)
    {
        for (int i = 0; i < _sizes.Length && c.Cached.Continues; i++)
        {
            _gathered[i] = c.Rent(c.B * _sizes[i]);
            c.Backend.GatherRows(_gathered[i], _tables[i], c.Positions, _sizes[i]);
        }
    }

    /// <summary>
    /// Rotates x (R, H, D) by each token's position in its sequence, or where its sequence in the cache ends;
    /// <paramref name="inverse"/>: back again.
    /// </summary>
    public void Rotate(PassContext c, DeviceSpan<float> x, int layer, int H, bool inverse = false)
    {
        int D = _sizes[_indices[layer]];
        if (c.Cached.Continues)
        {
            c.Backend.Rope(x, _gathered[_indices[layer]], 1, c.B, H, D); // one token a sequence: the sequences are the positions
            return;
        }

        foreach (var run in c.Sequences.Runs)
            c.Backend.Rope(c.Sequences.Of(run, x), this[layer], run.Sequences, run.Length, H, D, inverse);
    }

    public void Dispose() => _arena.Dispose();

    private static float[] Table(int maxT, int D, ModelSpec spec)
    {
        var table = new float[maxT * D];
        for (int i = 0; i < D / 2; i++)
        {
            double frequency = Math.Pow(spec.RopeTheta, -2.0 * i / D);
            frequency = spec.RopeScaling?.Apply(frequency) ?? frequency;
            for (int t = 0; t < maxT; t++)
            {
                var (sin, cos) = Math.SinCos(t * frequency);
                table[t * D + i] = (float)cos;
                table[t * D + D / 2 + i] = (float)sin;
            }
        }

        return table;
    }
}
