using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;

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
        AdapterMerge.Fold(model, download.Folded);
        return model;
    }

    /// <summary>A model to run: the adapter merged into the weights.</summary>
    public static Model CreateMerged(FederationSetup setup, IComputeBackend backend, IReadOnlyList<KeptGroups> kept, AdapterState adapter)
    {
        var model = ModelSurgery.Cut(setup.Base, kept, Trainable.None, null, backend);
        foreach (var parameter in model.Parameters)
        {
            if (adapter.Head.TryGetValue(parameter.Name, out float[]? values))
                backend.Upload<float>(parameter.Value, values);
        }

        AdapterMerge.Fold(model, adapter.Modules);
        return model;
    }
}
