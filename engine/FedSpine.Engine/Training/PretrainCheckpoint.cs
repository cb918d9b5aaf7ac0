using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Training;

/// <summary>What a pretraining run knows besides weights and moments.</summary>
internal sealed class PretrainState(ulong seed)
{
    private const ulong OrderStream = 0x02DE2, MaskStream = 0x3A5C;

    /// <summary>Steps done.</summary>
    public int Step { get; set; }

    /// <summary>Exponential mean of the training loss; NaN before the first step.</summary>
    public double RunningLoss { get; set; } = double.NaN;

    /// <summary>Draws the texts of a batch.</summary>
    public DeterministicRandom Order { get; } = new(seed, OrderStream);

    /// <summary>Draws the tokens to mask.</summary>
    public DeterministicRandom Masks { get; } = new(seed, MaskStream);
}

/// <summary>
/// step-N.json and step-N.safetensors (values and moments of all weights). The JSON is written last, so a checkpoint either is
/// complete or is not there; then the one before goes.
/// </summary>
internal static class PretrainCheckpoint
{
    public const string FolderName = "checkpoint";
    private const string Prefix = "step-";

    public static bool Exists(string folder) => Latest(folder) is not null;

    public static void Save(string folder, Trainer trainer, PretrainState state)
    {
        Directory.CreateDirectory(folder);
        var model = trainer.Model;
        string name = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{state.Step:00000000}"));
        TensorSource[] tensors =
        [
            TensorSource.Flat(model, "values", model.TrainableValues),
            TensorSource.Flat(model, "first_moments", model.FirstMoments),
            TensorSource.Flat(model, "second_moments", model.SecondMoments),
        ];
        var json = new JsonObject
        {
            ["step"] = state.Step,
            ["momentSteps"] = trainer.MomentSteps,
            ["runningLoss"] = double.IsFinite(state.RunningLoss) ? state.RunningLoss : null,
            ["order"] = Words(state.Order),
            ["masks"] = Words(state.Masks),
        };
        AtomicFile.Write(name + ".safetensors", stream => SafetensorsWriter.Write(stream, tensors));
        AtomicFile.WriteText(name + ".json", json.ToJsonString());
        foreach (string old in Directory.EnumerateFiles(folder, Prefix + "*").Where(f => !f.StartsWith(name + ".", StringComparison.Ordinal)).ToList())
            File.Delete(old);
    }

    /// <exception cref="InputException">The checkpoint is damaged or of another model.</exception>
    public static void Restore(string folder, Trainer trainer, PretrainState state)
    {
        string path = Latest(folder) ?? throw InputException.InFile(folder, "holds no checkpoint to resume from");
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            using var tensors = SafetensorsFile.Open(Path.ChangeExtension(path, ".safetensors"));
            var model = trainer.Model;
            model.Backend.Upload<float>(model.TrainableValues, tensors.ReadFloats("values"));
            model.Backend.Upload<float>(model.FirstMoments, tensors.ReadFloats("first_moments"));
            model.Backend.Upload<float>(model.SecondMoments, tensors.ReadFloats("second_moments"));
            trainer.StepIndex = state.Step = (int)json["step"]!;
            trainer.MomentSteps = (int)json["momentSteps"]!;
            state.RunningLoss = json["runningLoss"] is { } loss ? (double)loss : double.NaN;
            state.Order.State = Words(json["order"]!);
            state.Masks.State = Words(json["masks"]!);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentException or KeyNotFoundException or IndexOutOfRangeException)
        {
            throw InputException.InFile(path, "is not a checkpoint of this run", e);
        }
    }

    public static void Delete(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private static string? Latest(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder, Prefix + "*.json").Order(StringComparer.Ordinal).LastOrDefault()
        : null;

    private static JsonArray Words(DeterministicRandom random) => new([.. random.State.Select(w => (JsonNode)w)]);

    private static ulong[] Words(JsonNode array) => [.. array.AsArray().Select(w => (ulong)w!)];
}
