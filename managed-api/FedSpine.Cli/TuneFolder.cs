using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Tuning;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli;

/// <summary>
/// The output folder of <c>finetune</c> and <c>prune</c>: the adapter or the model itself, and in run/ what made it: config.json,
/// summary.json, points.jsonl (the evaluations), report.html, and while it runs checkpoint/.
/// </summary>
internal sealed class TuneFolder(string path)
{
    public string Path { get; } = path;

    public string Run => System.IO.Path.Combine(Path, "run");

    public string Config => System.IO.Path.Combine(Run, TuneJob.FileName);

    public string Summary => System.IO.Path.Combine(Run, "summary.json");

    public string Points => System.IO.Path.Combine(Run, "points.jsonl");

    public string Report => System.IO.Path.Combine(Run, "report.html");

    public string Checkpoint => System.IO.Path.Combine(Run, "checkpoint");

    /// <summary>Checks, before any work, that nothing that exists would be overwritten.</summary>
    /// <exception cref="InputException">The folder holds a run, a model or an adapter, or is a file.</exception>
    public void RequireFree()
    {
        if (File.Exists(Path))
            throw new InputException($"{Path} is a file: give another --out");
        if (File.Exists(Config))
            throw new InputException($"{Path} already holds a run: give another --out{(File.Exists(Summary) ? "" : ", or continue it with --resume")}");
        foreach (string taken in (string[])["config.json", "adapter_config.json", "run"])
        {
            if (System.IO.Path.Exists(System.IO.Path.Combine(Path, taken)))
                throw new InputException($"{Path} already has a {taken}: give another --out");
        }
    }

    public void Begin(TuneJob job)
    {
        Directory.CreateDirectory(Run);
        AtomicFile.WriteText(Config, JsonSerializer.Serialize(job, TuneJson.Default.TuneJob) + "\n");
    }

    public TuneJob ReadJob() => SettingsFile.Read(Config, TuneJson.Default.TuneJob, new TuneJob());

    /// <summary>The evaluations and the summary; a summary means that the run is complete, so it comes last.</summary>
    public void Finish(TaskKind task, IReadOnlyList<TunePoint> points, string report, JsonObject summary)
    {
        AtomicFile.WriteText(Points, string.Concat(points.Select(p => Line(task, p).ToJsonString() + "\n")));
        AtomicFile.WriteText(Report, report);
        AtomicFile.WriteText(Summary, summary.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        if (Directory.Exists(Checkpoint))
            Directory.Delete(Checkpoint, recursive: true);
    }

    /// <summary>The summary of a complete run; null for one that is not.</summary>
    public JsonObject? ReadSummary() => File.Exists(Summary) ? JsonNode.Parse(File.ReadAllText(Summary)) as JsonObject : null;

    /// <summary>Steps that the checkpoint holds; null without one.</summary>
    public int? CheckpointStep() => Directory.Exists(Checkpoint)
        && Directory.EnumerateFiles(Checkpoint, "step-*.json").Order(StringComparer.Ordinal).LastOrDefault() is { } last
        && int.TryParse(System.IO.Path.GetFileNameWithoutExtension(last)["step-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int step) ? step : null;

    private static JsonObject Line(TaskKind task, TunePoint p) => new()
    {
        ["step"] = p.Step,
        ["trainLoss"] = Json.Finite(p.TrainLoss),
        ["loss"] = Json.Finite(p.Test.Loss),
        [task == TaskKind.Classification ? "accuracy" : "perplexity"] = Json.Finite(task == TaskKind.Classification ? p.Test.Accuracy : p.Test.Perplexity),
        ["ratio"] = p.Ratio,
    };
}
