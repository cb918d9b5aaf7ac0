using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tuning;

/// <summary>
/// The state of a tuning run: step-N.json and step-N.safetensors (trainable values, moments, scores, the best values). Frozen
/// weights are not in it: they come from the base, cut to what is kept. The JSON is written last, so a checkpoint either is
/// complete or is not there; then the one before goes.
/// </summary>
internal static class TuneCheckpoint
{
    private const string Prefix = "step-";

    public static void Save(string folder, Tuner tuner)
    {
        Directory.CreateDirectory(folder);
        var (state, model) = (tuner.State, tuner.Model);
        string name = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{state.Step:00000000}"));
        var tensors = new List<TensorSource>
        {
            TensorSource.Flat(model, "values", model.TrainableValues),
            TensorSource.Flat(model, "first_moments", model.FirstMoments),
            TensorSource.Flat(model, "second_moments", model.SecondMoments),
        };
        if (state.BestValues is { } best)
            tensors.Add(TensorSource.Of("best", [best.Length], best));
        var scores = tuner.Scorer?.Scores() ?? [];
        for (int l = 0; l < scores.Length; l++)
        {
            tensors.Add(TensorSource.Of($"scores.{l}.groups", [scores[l].Groups.Length], scores[l].Groups));
            tensors.Add(TensorSource.Of($"scores.{l}.channels", [scores[l].Channels.Length], scores[l].Channels));
        }

        var json = new JsonObject
        {
            ["step"] = state.Step,
            ["steps"] = tuner.Steps,
            ["momentSteps"] = tuner.Trainer.MomentSteps,
            ["voidSteps"] = state.VoidSteps,
            ["runningLoss"] = Number(state.RunningLoss),
            ["flops"] = state.Flops,
            ["seconds"] = state.Seconds,
            ["bestStep"] = state.BestStep,
            ["best"] = Result(state.BestResult),
            ["points"] = new JsonArray([.. state.Points.Select(p => (JsonNode)new JsonArray(p.Step, Number(p.TrainLoss), Result(p.Test), p.Ratio))]),
            ["kept"] = new JsonArray([.. model.Kept.Select(k => (JsonNode)new JsonArray(Integers(k.QueryHeads), Integers(k.KeyValueHeads), Integers(k.Channels)))]),
        };
        AtomicFile.Write(name + ".safetensors", stream => SafetensorsWriter.Write(stream, tensors));
        AtomicFile.WriteText(name + ".json", json.ToJsonString());
        foreach (string old in Directory.EnumerateFiles(folder, Prefix + "*").Where(f => !f.StartsWith(name + ".", StringComparison.Ordinal)).ToList())
            File.Delete(old);
    }

    public static void Restore(string folder, Tuner tuner)
    {
        string? path = Directory.Exists(folder) ? Directory.EnumerateFiles(folder, Prefix + "*.json").Order(StringComparer.Ordinal).LastOrDefault() : null;
        if (path is null)
            throw InputException.InFile(folder, "holds no checkpoint to resume from");
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            using var tensors = SafetensorsFile.Open(Path.ChangeExtension(path, ".safetensors"));
            if ((int)json["steps"]! != tuner.Steps)
                throw new FormatException($"{json["steps"]} steps");
            KeptGroups[] kept = [.. json["kept"]!.AsArray().Select(k => new KeptGroups(Integers(k![0]!), Integers(k[1]!), Integers(k[2]!)))];
            if (!kept.Zip(tuner.Model.Kept).All(pair => Same(pair.First, pair.Second)))
                tuner.Cut(kept);
            var model = tuner.Model;
            model.Backend.Upload<float>(model.TrainableValues, tensors.ReadFloats("values"));
            model.Backend.Upload<float>(model.FirstMoments, tensors.ReadFloats("first_moments"));
            model.Backend.Upload<float>(model.SecondMoments, tensors.ReadFloats("second_moments"));
            tuner.Scorer?.Restore([.. model.Layers.Select((_, l) => new LayerScores(tensors.ReadFloats($"scores.{l}.groups"), tensors.ReadFloats($"scores.{l}.channels")))]);
            tuner.Continue(new TuneState
            {
                Step = (int)json["step"]!,
                VoidSteps = (int)json["voidSteps"]!,
                RunningLoss = Number(json["runningLoss"]),
                Flops = (long)json["flops"]!,
                Seconds = (double)json["seconds"]!,
                BestStep = (int)json["bestStep"]!,
                BestResult = Result(json["best"]!),
                BestValues = tensors.Tensors.ContainsKey("best") ? tensors.ReadFloats("best") : null,
                Points = [.. json["points"]!.AsArray().Select(p => new TunePoint((int)p![0]!, Number(p[1]), Result(p[2]!), (double)p[3]!))],
            }, (int)json["momentSteps"]!);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentException or KeyNotFoundException)
        {
            throw InputException.InFile(path, "is not a checkpoint of this run", e);
        }
    }

    private static bool Same(KeptGroups a, KeptGroups b) =>
        a.QueryHeads.SequenceEqual(b.QueryHeads) && a.KeyValueHeads.SequenceEqual(b.KeyValueHeads) && a.Channels.SequenceEqual(b.Channels);

    private static JsonArray Result(EvaluationResult r) => new(r.LossSum, r.Count, r.Correct);

    private static EvaluationResult Result(JsonNode r) => new((double)r[0]!, (int)r[1]!, (int)r[2]!);

    /// <summary>JSON has no NaN: null stands for it.</summary>
    private static JsonNode? Number(double value) => double.IsFinite(value) ? value : null;

    private static double Number(JsonNode? value) => value is null ? double.NaN : (double)value;

    private static JsonArray Integers(int[] values) => new([.. values.Select(v => (JsonNode)v)]);

    private static int[] Integers(JsonNode array) => [.. array.AsArray().Select(v => (int)v!)];
}
