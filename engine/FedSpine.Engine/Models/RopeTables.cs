using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>
/// Rotation tables (maxT, D): per position D/2 cosines, then D/2 sines, of the angles t * w with w = theta^(-2i/D) (Su et al., RoFormer,
/// arXiv 2104.09864), scaled where the model says so. One per head size; layers of the same head size share it.
/// </summary>
internal sealed class RopeTables : IDisposable
{
    private readonly Arena _arena;
    private readonly DeviceSpan<float>[] _perLayer;

    public RopeTables(Model model, int maxT)
    {
        var sizes = model.Spec.Layers.Select(l => l.HeadSize).Distinct().ToArray();
        var layout = new ArenaLayout();
        var offsets = Array.ConvertAll(sizes, D => layout.Reserve<float>(maxT * D));
        _arena = model.Backend.Allocate(layout.Bytes);
        var tables = new DeviceSpan<float>[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            tables[i] = new DeviceSpan<float>(_arena, offsets[i], maxT * sizes[i]);
            model.Backend.Upload<float>(tables[i], Table(maxT, sizes[i], model.Spec));
        }

        _perLayer = [.. model.Spec.Layers.Select(l => tables[Array.IndexOf(sizes, l.HeadSize)])];
    }

    /// <summary>The table of a layer.</summary>
    public DeviceSpan<float> this[int layer] => _perLayer[layer];

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
