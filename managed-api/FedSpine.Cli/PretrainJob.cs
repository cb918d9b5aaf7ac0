using System.Text.Json;
using System.Text.Json.Serialization;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli;

/// <summary>All that decides a pretraining run: kept as pretrain.json in its folder, which resumes it.</summary>
internal sealed record PretrainJob
{
    public const string FileName = "pretrain.json";

    /// <summary>Null: the bundled sample's unlabelled text.</summary>
    public string? Data { get; init; }

    public DataOptions Columns { get; init; } = new();

    public PretrainOptions Options { get; init; } = new();

    /// <summary>Where the run computes: host, cuda:0, with its products cuda:0+bf16. Null: not said, the machine's default.</summary>
    public string? Device { get; init; }

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, PretrainJson.Default.PretrainJob) + "\n");
    }

    public static PretrainJob Read(string folder) => SettingsFile.Read(Path.Combine(folder, FileName), PretrainJson.Default.PretrainJob, new PretrainJob());
}

/// <summary>How a job looks in its file.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    Converters =
    [
        typeof(KebabCase<ModelHead>), typeof(KebabCase<SafetensorsType>), typeof(KebabCase<DataFormat>), typeof(KebabCase<DataEncoding>), typeof(KebabCase<DocumentCut>),
    ])]
[JsonSerializable(typeof(PretrainJob))]
internal sealed partial class PretrainJson : JsonSerializerContext;
