using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels;

namespace FedSpine.Federated.Simulation;

/// <summary>Leaves one deployable pruned model per device class in models/CLASS: adapter merged, tokenizer beside it.</summary>
internal static class ModelExport
{
    public static void Write(RunFolder run, Federation federation, LoadedTask task, IComputeBackend backend)
    {
        var classes = federation.Devices.GroupBy(d => federation.Setup.Fleet[d.Device].Class).OrderBy(g => g.Key, StringComparer.Ordinal);
        foreach (var devices in classes)
        {
            using var model = Assessment.Merged(federation, devices.MinBy(d => d.Device)!, backend);
            string folder = Path.Combine(run.Models, devices.Key.ToLowerInvariant().Replace(' ', '-'));
            ModelFolder.Save(model, folder, SafetensorsType.F32);
            ModelFolder.CopyTokenizerFiles(task.ModelFolder, folder);
        }
    }
}
