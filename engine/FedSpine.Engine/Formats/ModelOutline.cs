using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Hub;
using FedSpine.Engine.Models;
using FedSpine.Kernels;

namespace FedSpine.Engine.Formats;

/// <summary>One block of a model and of the base that it was pruned from.</summary>
/// <param name="Kept">What is left of the base.</param>
/// <param name="Parameters">All weights of the block.</param>
/// <param name="Prunable">Elements of its attention and FFN matrices.</param>
/// <param name="PrunableBase">The same in the base.</param>
public sealed record LayerOutline(LayerSpec Shape, LayerSpec Base, KeptGroups Kept, long Parameters, long Prunable, long PrunableBase)
{
    public double KeptShare => (double)Prunable / PrunableBase;
}

/// <summary>What a model is, read without its weights.</summary>
/// <param name="StoredTypes">Types of the weights on disk, the one with the most bytes first.</param>
/// <param name="StoredBytes">Bytes of the weights on disk.</param>
/// <param name="Parameters">Weights of the whole model, without adapters.</param>
public sealed record ModelOutline(
    ModelConfig Config, IReadOnlyList<string> StoredTypes, long StoredBytes, IReadOnlyList<LayerOutline> Layers, long Parameters)
{
    public long Prunable => Layers.Sum(l => l.Prunable);

    public long PrunableBase => Layers.Sum(l => l.PrunableBase);

    /// <param name="path">Anything that <see cref="ModelSource"/> knows.</param>
    /// <exception cref="InputException">There is no model, or it is malformed or not supported.</exception>
    public static ModelOutline Read(string path)
    {
        path = HubModel.Resolve(path);
        var config = ModelSource.ReadConfig(path);
        var stored = Stored(path).GroupBy(t => t.Type).Select(g => (Type: g.Key, Bytes: g.Sum(t => t.Bytes))).OrderByDescending(t => t.Bytes).ToList();
        using var backend = new RecordingBackend();
        using var model = Model.Create(backend, config.Spec);
        using var unpruned = Model.Create(backend, config.Spec with { Layers = config.BaseLayers });
        static long Prunable(TransformerLayer layer) => layer.Linears.Sum(l => (long)l.Weight.Length);
        var layers = model.Layers.Select((layer, l) => new LayerOutline(layer.Spec, config.BaseLayers[l], config.Kept[l],
            model.Parameters.Where(p => p.Layer == l).Sum(p => (long)p.Length), Prunable(layer), Prunable(unpruned.Layers[l])));
        return new ModelOutline(config, [.. stored.Select(t => t.Type)], stored.Sum(t => t.Bytes), [.. layers], model.ParameterCount);
    }

    private static List<(string Type, long Bytes)> Stored(string path)
    {
        if (GgufFile.Is(path))
        {
            using var file = GgufFile.Open(path);
            return [.. file.Tensors.Values.Select(t => (t.Type.ToString(), t.Bytes))];
        }

        using var checkpoint = Checkpoint.Open(path);
        var tensors = new List<(string, long)>();
        foreach (string name in checkpoint.Names)
        {
            if (checkpoint.TryGet(name, out _, out var tensor))
                tensors.Add((tensor.Type.ToString(), tensor.End - tensor.Begin));
        }

        return tensors;
    }
}
