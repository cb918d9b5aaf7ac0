using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>One value per prunable row (q, k, v, gate, up) or column (o, down) of every linear layer of the blocks.</summary>
internal sealed class ModuleVectors(Model model) : IDisposable
{
    private const int Roles = (int)LinearRole.Down + 1;

    private readonly DeviceVectors _vectors = new(model.Backend, model.Layers.SelectMany(layer => Enumerable.Range(0, Roles)
        .Select(role => layer.Linears.FirstOrDefault(m => m.Role == (LinearRole)role) is { } m ? (Axis(m) == MatrixAxis.Rows ? m.Out : m.In) : 0)));

    /// <summary>The axis that is pruned.</summary>
    public static MatrixAxis Axis(Linear linear) => linear.Role is LinearRole.Output or LinearRole.Down ? MatrixAxis.Columns : MatrixAxis.Rows;

    public DeviceSpan<float> Device(int layer, Linear linear) => _vectors[layer * Roles + (int)linear.Role];

    public ReadOnlySpan<float> Host(int layer, Linear linear) => _vectors.Host(layer * Roles + (int)linear.Role);

    public void Download() => _vectors.Download();

    public void Dispose() => _vectors.Dispose();

    /// <summary>Adds a module's values, each times <paramref name="scale"/>, to the groups that they belong to.</summary>
    public void AddTo(LayerScores scores, int layer, Linear linear, double scale)
    {
        bool ffn = linear.Role is LinearRole.Gate or LinearRole.Up or LinearRole.Down;
        LayerScores.Add(ffn ? scores.Channels : scores.Groups, Host(layer, linear), scale);
    }
}
