using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// The coordinator's state after a round: checkpoint/round-N.json and round-N.safetensors (global adapters, heads, importance scores).
/// The JSON is written last, so a checkpoint either is complete or is not there; then the one before goes. No random state is
/// kept: every stream is derived from seed, round and device.
/// </summary>
internal static class SimulationCheckpoint
{
    private const string Prefix = "round-";

    public static void Save(RunFolder run, RunState state, Federation pruned, Federation? reference)
    {
        Directory.CreateDirectory(run.Checkpoint);
        string name = Path.Combine(run.Checkpoint, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{state.Round:000000}"));
        var tensors = new List<TensorSource>();
        var json = new JsonObject
        {
            ["round"] = state.Round,
            ["wallSeconds"] = state.WallSeconds,
            ["base"] = new JsonArray(state.Base.LossSum, state.Base.Count, state.Base.Correct),
            ["curve"] = WriteCurve(state.Curve),
            ["referenceCurve"] = WriteCurve(state.ReferenceCurve),
            ["pruned"] = WriteFederation(pruned, "pruned", tensors),
            ["reference"] = reference is null ? null : WriteFederation(reference, "reference", tensors),
        };
        AtomicFile.Write(name + ".safetensors", stream => SafetensorsWriter.Write(stream, tensors));
        AtomicFile.WriteText(name + ".json", json.ToJsonString());
        foreach (string old in Directory.EnumerateFiles(run.Checkpoint).Where(f => !f.StartsWith(name + ".", StringComparison.Ordinal)).ToList())
            File.Delete(old);
    }

    public static bool Exists(RunFolder run) => Latest(run) is not null;

    /// <exception cref="InputException">No checkpoint, or one that is damaged or of another run.</exception>
    public static RunState Restore(RunFolder run, Federation pruned, Federation? reference)
    {
        string path = Latest(run) ?? throw InputException.InFile(run.Path, "holds no checkpoint to resume from");
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
            using var tensors = SafetensorsFile.Open(Path.ChangeExtension(path, ".safetensors"));
            ReadFederation(pruned, json["pruned"]!, "pruned", tensors);
            if (reference is not null)
                ReadFederation(reference, json["reference"]!, "reference", tensors);
            var first = json["base"]!.AsArray();
            return new RunState
            {
                Round = (int)json["round"]!,
                WallSeconds = (double)json["wallSeconds"]!,
                Base = new EvaluationResult((double)first[0]!, (int)first[1]!, (int)first[2]!),
                Curve = ReadCurve(json["curve"]!),
                ReferenceCurve = ReadCurve(json["referenceCurve"]!),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentException or KeyNotFoundException)
        {
            throw InputException.InFile(path, "is not a checkpoint of this run", e);
        }
    }

    private static string? Latest(RunFolder run) => Directory.Exists(run.Checkpoint)
        ? Directory.EnumerateFiles(run.Checkpoint, Prefix + "*.json").Order(StringComparer.Ordinal).LastOrDefault()
        : null;

    private static JsonObject WriteFederation(Federation federation, string name, List<TensorSource> tensors)
    {
        foreach (var module in federation.Global.State.Modules)
        {
            tensors.Add(TensorSource.Of($"{name}.{module.Module}.lora_A", [module.Rank, module.BaseColumns], module.A));
            tensors.Add(TensorSource.Of($"{name}.{module.Module}.lora_B", [module.BaseRows, module.Rank], module.B));
        }

        foreach (var (parameter, values) in federation.Global.State.Head)
            tensors.Add(TensorSource.Of($"{name}.head.{parameter}", [values.Length], values));
        foreach (var device in federation.Devices)
            WriteScores($"{name}.{device.Device}", device.Scores, tensors);
        WriteScores($"{name}.shared", federation.Importance, tensors);

        return new JsonObject
        {
            ["virtualSeconds"] = federation.VirtualSeconds,
            ["bytesUp"] = federation.BytesUp,
            ["bytesDown"] = federation.BytesDown,
            ["policy"] = federation.Policy.Save(),
            ["modules"] = new JsonArray([.. federation.Global.State.Modules.Select(m => (JsonNode)new JsonObject
            {
                ["name"] = m.Module, ["rank"] = m.Rank, ["scale"] = m.Scale, ["rows"] = m.BaseRows, ["columns"] = m.BaseColumns,
            })]),
            ["head"] = Array(federation.Global.State.Head.Keys),
            ["sharedImportance"] = federation.Importance is not null,
            ["devices"] = new JsonArray([.. federation.Devices.Select(d => (JsonNode)new JsonObject
            {
                ["ratio"] = d.Ratio, ["rank"] = d.Rank, ["roundsPlayed"] = d.RoundsPlayed, ["scored"] = d.Scores is not null,
                ["kept"] = new JsonArray([.. d.Kept.Select(k => (JsonNode)new JsonArray(Array(k.QueryHeads), Array(k.KeyValueHeads), Array(k.Channels)))]),
            })]),
        };
    }

    private static void ReadFederation(Federation federation, JsonNode json, string name, SafetensorsFile tensors)
    {
        federation.VirtualSeconds = (double)json["virtualSeconds"]!;
        federation.BytesUp = (long)json["bytesUp"]!;
        federation.BytesDown = (long)json["bytesDown"]!;
        federation.Policy.Restore(json["policy"]!);
        var modules = json["modules"]!.AsArray().Select(m => new AdapterModule((string)m!["name"]!, (int)m["rank"]!, (float)m["scale"]!,
            (int)m["rows"]!, (int)m["columns"]!, null, null,
            tensors.ReadFloats($"{name}.{(string)m["name"]!}.lora_B"), tensors.ReadFloats($"{name}.{(string)m["name"]!}.lora_A"))).ToList();
        var head = json["head"]!.AsArray().Select(p => (string)p!).ToDictionary(p => p, p => tensors.ReadFloats($"{name}.head.{p}"));
        federation.Global = new GlobalAdapter(new AdapterState(modules, head));
        var devices = json["devices"]!.AsArray();
        if (devices.Count != federation.Devices.Length)
            throw new FormatException($"{devices.Count} devices");
        foreach (var device in federation.Devices)
        {
            var d = devices[device.Device]!;
            device.Ratio = (double)d["ratio"]!;
            device.Rank = (int)d["rank"]!;
            device.RoundsPlayed = (int)d["roundsPlayed"]!;
            device.Kept = [.. d["kept"]!.AsArray().Select(k => new KeptGroups(Integers(k![0]!), Integers(k[1]!), Integers(k[2]!)))];
            device.Scores = (bool)d["scored"]! ? ReadScores($"{name}.{device.Device}", device.Kept.Count, tensors) : null;
        }

        federation.Importance = (bool)json["sharedImportance"]! ? ReadScores($"{name}.shared", federation.Setup.Base.Spec.Layers.Count, tensors) : null;
    }

    private static void WriteScores(string name, IReadOnlyList<LayerScores>? scores, List<TensorSource> tensors)
    {
        for (int layer = 0; layer < (scores?.Count ?? 0); layer++)
        {
            tensors.Add(TensorSource.Of($"{name}.{layer}.groups", [scores![layer].Groups.Length], scores[layer].Groups));
            tensors.Add(TensorSource.Of($"{name}.{layer}.channels", [scores[layer].Channels.Length], scores[layer].Channels));
        }
    }

    private static LayerScores[] ReadScores(string name, int layers, SafetensorsFile tensors) =>
        [.. Enumerable.Range(0, layers).Select(layer => new LayerScores(tensors.ReadFloats($"{name}.{layer}.groups"), tensors.ReadFloats($"{name}.{layer}.channels")))];

    private static JsonArray WriteCurve(IEnumerable<CurvePoint> curve) =>
        new([.. curve.Select(p => (JsonNode)new JsonArray(p.Round, p.VirtualSeconds, p.Value))]);

    private static List<CurvePoint> ReadCurve(JsonNode curve) =>
        [.. curve.AsArray().Select(p => new CurvePoint((int)p![0]!, (double)p[1]!, (double)p[2]!))];

    private static JsonArray Array<T>(IEnumerable<T> values) => new([.. values.Select(v => (JsonNode?)JsonValue.Create(v))]);

    private static int[] Integers(JsonNode array) => [.. array.AsArray().Select(v => (int)v!)];
}
