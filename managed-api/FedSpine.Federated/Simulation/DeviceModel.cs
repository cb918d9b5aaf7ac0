using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Federated.Simulation;

/// <summary>What the coordinator sends a device: the adapter to continue from, and what is to be added to the frozen weights (FLoRA).</summary>
internal sealed record Download(AdapterState Adapter, IReadOnlyList<AdapterModule> Folded)
{
    public long Bytes => Adapter.Bytes + new AdapterState(Folded, new Dictionary<string, float[]>()).Bytes;
}

/// <summary>A device's model out of the shared base: what it has kept, with its adapter and head loaded.</summary>
internal static class DeviceModel
{
    /// <summary>A model to tune: adapter and head apart from the frozen weights.</summary>
    public static Model Create(FederationSetup setup, IComputeBackend backend, IReadOnlyList<KeptGroups> kept, int rank, Download download)
    {
        var lora = new LoraSpec(rank, setup.Scale * rank, setup.Targets);
        var model = ModelSurgery.Cut(setup.Base, kept, Trainable.Adapter, lora, backend);
        AdapterTransfer.Load(model, download.Adapter);
        Fold(model, download.Folded);
        return model;
    }

    /// <summary>A model to run: the adapter merged into the weights.</summary>
    public static Model CreateMerged(FederationSetup setup, IComputeBackend backend, IReadOnlyList<KeptGroups> kept, Download download)
    {
        var model = ModelSurgery.Cut(setup.Base, kept, Trainable.None, null, backend);
        foreach (var parameter in model.Parameters)
        {
            if (download.Adapter.Head.TryGetValue(parameter.Name, out var values))
                backend.Upload<float>(parameter.Value, values);
        }

        Fold(model, download.Adapter.Modules);
        Fold(model, download.Folded);
        return model;
    }

    /// <summary>W += s B A for every module; the modules are cut to what the model keeps.</summary>
    private static void Fold(Model model, IReadOnlyList<AdapterModule> modules)
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
            backend.MatMul(linear.Weight.Value, b, a, new MatMulShape(MatMulLayout.NN, linear.Out, linear.In, module.Rank), module.Scale, accumulate: true);
            backend.Synchronize(); // before the scratch goes
        }
    }
}
