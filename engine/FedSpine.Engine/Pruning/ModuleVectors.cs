using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>One value per prunable row (q, k, v, gate, up) or column (o, down) of every linear layer of the blocks.</summary>
internal sealed class ModuleVectors : IDisposable
{
    private readonly Linear[][] _modules; // per layer; enumerating TransformerLayer.Linears would allocate in every step
    private readonly int[] _first;        // index of each layer's first vector
    private readonly DeviceVectors _vectors;

    public ModuleVectors(Model model)
    {
        _modules = [.. model.Layers.Select(layer => layer.Linears.ToArray())];
        _first = new int[_modules.Length];
        for (int l = 1; l < _first.Length; l++)
            _first[l] = _first[l - 1] + _modules[l - 1].Length;
        _vectors = new DeviceVectors(model.Backend, _modules.SelectMany(layer => layer.Select(m => Axis(m) == MatrixAxis.Rows ? m.Out : m.In)));
    }

    public int Layers => _modules.Length;

    public Linear[] Modules(int layer) => _modules[layer];

    /// <summary>The axis that is pruned.</summary>
    public static MatrixAxis Axis(Linear module) => module.Role is LinearRole.Output or LinearRole.Down ? MatrixAxis.Columns : MatrixAxis.Rows;

    public DeviceSpan<float> Device(int layer, int module) => _vectors[_first[layer] + module];

    public ReadOnlySpan<float> Host(int layer, int module) => _vectors.Host(_first[layer] + module);

    public void Download() => _vectors.Download();

    /// <summary>Adds a module's values, each times <paramref name="scale"/>, to the groups that they belong to.</summary>
    public void AddTo(LayerScores scores, int layer, int module, double scale)
    {
        bool ffn = _modules[layer][module].Role is LinearRole.Gate or LinearRole.Up or LinearRole.Down;
        LayerScores.Add(ffn ? scores.Channels : scores.Groups, Host(layer, module), scale);
    }

    public void Dispose() => _vectors.Dispose();
}
