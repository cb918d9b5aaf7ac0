using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Lora;

/// <summary>
/// Adds adapters to the weights they are for: W += s B A. Weights of 16 or 8 bits are summed in float32 and rounded to their type again:
/// what the rounding drops of a small adapter is lost, so keep it apart, or write the model with <see cref="ModelFolder.Save(Model, string, SafetensorsType, bool, string?)"/>,
/// which merges in float32 and rounds to the file's type only.
/// </summary>
public static class AdapterMerge
{
    /// <summary>Rows that are float32 at a time where the weight is not.</summary>
    private const int PieceRows = 256;

    /// <summary>A copy of <paramref name="model"/> for inference: adapters merged, nothing trainable. The given model stays as it is.</summary>
    public static Model Merge(Model model)
    {
        var merged = ModelSurgery.Cut(model, model.Kept, Trainable.None, null);
        foreach (var (from, to) in model.Layers.SelectMany(l => l.Linears).Zip(merged.Layers.SelectMany(l => l.Linears)))
        {
            if (from.A is not null)
                Add(merged.Backend, to, from.B!.Value, from.A.Value, from.Rank, from.Scale);
        }

        merged.Backend.Synchronize();
        return merged;
    }

    /// <summary>Adds every module to the model's weights; the modules are cut to what the model keeps.</summary>
    public static void Fold(Model model, IReadOnlyList<AdapterModule> modules)
    {
        var backend = model.Backend;
        var byName = modules.ToDictionary(m => m.Module);
        foreach (var linear in model.Layers.SelectMany(l => l.Linears))
        {
            if (!byName.TryGetValue(linear.Name, out var module))
                continue;
            var layout = new ArenaLayout();
            long offsetB = layout.Reserve<float>(module.B.Length), offsetA = layout.Reserve<float>(module.A.Length);
            using var arena = backend.Allocate(layout.Bytes);
            var b = new DeviceSpan<float>(arena, offsetB, module.B.Length);
            var a = new DeviceSpan<float>(arena, offsetA, module.A.Length);
            backend.Upload<float>(b, module.B);
            backend.Upload<float>(a, module.A);
            Add(backend, linear, b, a, module.Rank, module.Scale);
            backend.Synchronize(); // before the scratch goes
        }
    }

    private static void Add(IComputeBackend backend, Linear linear, DeviceSpan<float> b, DeviceSpan<float> a, int rank, float scale)
    {
        var weight = linear.Weight;
        if (weight.Type == WeightType.F32)
        {
            backend.MatMul(weight.Value, b, a, new MatMulShape(MatMulLayout.NN, linear.Out, linear.In, rank), scale, accumulate: true);
            return;
        }

        int most = Math.Min(linear.Out, PieceRows);
        var values = new float[most * linear.In];
        using var arena = backend.Allocate((long)values.Length * sizeof(float));
        for (int start = 0; start < linear.Out; start += most)
        {
            int rows = Math.Min(most, linear.Out - start);
            var piece = values.AsSpan(0, rows * linear.In);
            var sum = new DeviceSpan<float>(arena, 0, piece.Length);
            weight.Read(backend, start, piece);
            backend.Upload<float>(sum, piece);
            backend.MatMul(sum, b.Slice(start * rank, rows * rank), a, new MatMulShape(MatMulLayout.NN, rows, linear.In, rank), scale, accumulate: true);
            backend.Download(piece, sum);
            weight.Write(backend, start, piece);
        }
    }
}
