using FedSpine.Engine.Models;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Engine.Profiling;

/// <summary>Tells a profiler where in a model its weights are used.</summary>
public static class ModelLabels
{
    /// <summary>Labels every weight: "layer 3", "embeddings", "head". A layer's calls without weights (attention, activations) follow one of its own with weights.</summary>
    public static void Label(this ProfilingBackend profiler, Model model)
    {
        foreach (var parameter in model.Parameters)
            profiler.Label(parameter.Weight, parameter.Layer >= 0 ? $"layer {parameter.Layer}" : IsEmbedding(parameter.Name) ? "embeddings" : "head");
    }

    private static bool IsEmbedding(string name) => name.Contains("embed", StringComparison.Ordinal);
}
