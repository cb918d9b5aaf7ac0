using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Physical removal: a new, smaller model that holds the kept rows of q, k, v, gate, up (weights, biases, LoRA B) and the kept columns
/// of o, down (weights, LoRA A). The residual width never changes. Given models stay as they are; dispose them when done.
/// Rows of any type, and columns of float32 and bfloat16, are kept as they are; columns of Q8_0 fall into new blocks, so these matrices
/// are quantised anew, with an error of at most half a step of the new block.
/// </summary>
public static class ModelSurgery
{
    /// <summary>What <paramref name="keep"/> leaves of <paramref name="model"/>, with its adapters and optimizer moments. Gradients start at zero.</summary>
    /// <param name="keep">Per layer, base indices among those in <see cref="Model.Kept"/>.</param>
    /// <exception cref="InputException">A layer would be left without heads or channels, or with unequal groups.</exception>
    /// <exception cref="ArgumentException">An index is not in the model.</exception>
    public static Model Prune(Model model, IReadOnlyList<KeptGroups> keep) =>
        Cut(model, keep, model.Trainable, model.Lora, model.Backend, training: true);

    /// <summary>
    /// A device's model out of a shared base: the kept part of the base's weights, and fresh adapters, all zero, of any rank. Adapters
    /// and optimizer state of the base are left out.
    /// </summary>
    /// <param name="backend">
    /// Where the new model lives; null: beside the base. Otherwise one that can read the base's memory, such as another host backend:
    /// so several threads, each with its own backend, can cut from one base.
    /// </param>
    /// <inheritdoc cref="Prune" path="/exception"/>
    public static Model Cut(Model baseModel, IReadOnlyList<KeptGroups> keep, Trainable trainable, LoraSpec? lora, IComputeBackend? backend = null) =>
        Cut(baseModel, keep, trainable, lora, backend ?? baseModel.Backend, training: false);

    private static Model Cut(Model source, IReadOnlyList<KeptGroups> keep, Trainable trainable, LoraSpec? lora, IComputeBackend backend, bool training)
    {
        if (keep.Count != source.BaseLayers.Count)
            throw new ArgumentException($"kept groups of {keep.Count} layers, the model has {source.BaseLayers.Count}", nameof(keep));
        LayerSpec[] layers = [.. source.BaseLayers.Select((layer, l) => KeptPositions.Shape(layer, keep[l], l))];
        using var indices = new SurgeryIndices(backend, source, keep);
        var spec = source.Spec with { Layers = layers };
        var result = Model.Create(backend, spec, trainable, lora, source.BaseLayers, keep, source.BaseType);
        var sources = source.Parameters.ToDictionary(p => p.Name);
        foreach (var to in result.Parameters)
        {
            bool adapter = to.Name.Contains(".lora_", StringComparison.Ordinal);
            if ((adapter && !training) || !sources.TryGetValue(to.Name, out var from))
                continue;
            Gather(backend, indices, to, from);
            if (!training || !to.Trainable)
                continue;
            Gather(backend, indices, to, to.FirstMoment, from.FirstMoment);
            Gather(backend, indices, to, to.SecondMoment, from.SecondMoment);
        }

        backend.Synchronize(); // before the indices go
        return result;
    }

    private static void Gather(IComputeBackend backend, SurgeryIndices indices, Parameter to, Parameter from)
    {
        if (to.Type == WeightType.F32)
            Gather(backend, indices, to, to.Value, from.Value);
        else if (indices.Of(to.Layer, to.RowAxis) is { } rows)
            backend.GatherRows(to.Weight, from.Weight, rows, to.Columns);
        else if (indices.Of(to.Layer, to.ColumnAxis) is { } columns)
            GatherColumns(backend, to, from, columns);
        else
            to.CopyFrom(backend, from);
    }

    /// <summary>Row by row, through float32.</summary>
    private static void GatherColumns(IComputeBackend backend, Parameter to, Parameter from, DeviceSpan<int> columns)
    {
        var indices = new int[columns.Length];
        backend.Download<int>(indices, columns);
        float[] row = new float[from.Columns], kept = new float[to.Columns];
        for (int i = 0; i < to.Rows; i++)
        {
            from.Read(backend, i, row);
            for (int j = 0; j < kept.Length; j++)
                kept[j] = row[indices[j]];
            to.Write(backend, i, kept);
        }
    }

    private static void Gather(IComputeBackend backend, SurgeryIndices indices, Parameter to, DeviceSpan<float> y, DeviceSpan<float> x)
    {
        if (indices.Of(to.Layer, to.RowAxis) is { } rows)
            backend.GatherRows(y, x, rows, to.Columns);
        else if (indices.Of(to.Layer, to.ColumnAxis) is { } columns)
            backend.GatherColumns(y, x, columns, to.Rows, x.Length / to.Rows);
        else
            backend.Copy(y, x);
    }
}
