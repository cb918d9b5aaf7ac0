using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli;

/// <summary>A run folder of simulate, finetune or prune: its summary, and the models in it.</summary>
internal static class RunInspection
{
    /// <param name="models">Receives the models, by their names in the folder.</param>
    /// <exception cref="InputException">No run folder, or a malformed one.</exception>
    public static (JsonObject Json, List<string> Lines) Of(string path, List<(string Title, ModelOutline Model)> models)
    {
        if (!Directory.Exists(path))
            throw InputException.InFile(path, "no such folder");
        var folder = new RunFolder(path);
        var tuned = new TuneFolder(path);
        bool isTuned = File.Exists(tuned.Config);
        if (!isTuned && !File.Exists(folder.Rounds) && !File.Exists(folder.Summary))
            throw InputException.InFile(path, "is no run folder: it has neither summary.json nor rounds.jsonl, nor run/config.json");

        string shown = WorkingPath.Shorten(path);
        var lines = new List<string>();
        var summary = isTuned ? Summary(tuned.Summary) : Summary(folder.Summary);
        if (summary is null)
            lines.Add($"  {shown}: not finished{(isTuned ? "" : $", {RunFolderReader.ReadRounds(folder).Count} rounds so far")}; --resume goes on");
        else if (isTuned)
            lines.AddRange([$"  {shown}", .. summary.Where(p => p.Value is JsonValue).Select(p => $"  {p.Key,-18} {p.Value}")]);
        else
            lines.AddRange([$"  {shown}: {summary["method"]} on {summary["model"]}", .. Rows(RunFolderReader.ReadSummary(folder)!)]);

        string[] paths = isTuned ? [path] : Directory.Exists(folder.Models) ? [.. Directory.EnumerateDirectories(folder.Models).Order(StringComparer.Ordinal)] : [];
        foreach (string model in paths.Where(p => File.Exists(Path.Combine(p, ModelConfig.FileName))))
        {
            var outline = ModelOutline.Read(model);
            models.Add((Path.GetFileName(model), outline));
            lines.AddRange(["", $"  {WorkingPath.Shorten(model)}: {Units.Count(outline.Parameters)} weights, pruned by {Units.Percent(1 - (double)outline.Prunable / outline.PrunableBase)}", .. LayerLines.Small(outline)]);
        }

        var list = models.Select(m => (JsonNode)new JsonObject { ["name"] = m.Title, ["parameters"] = m.Model.Parameters, ["layers"] = Layers(m.Model) });
        return (new JsonObject { ["run"] = path, ["finished"] = summary is not null, ["summary"] = summary, ["models"] = new JsonArray([.. list]) }, lines);
    }

    /// <summary>What each layer has, and had before pruning.</summary>
    public static JsonArray Layers(ModelOutline model) => new([.. model.Layers.Select(l => (JsonNode)new JsonObject
    {
        ["queryHeads"] = l.Shape.QueryHeads,
        ["keyValueHeads"] = l.Shape.KeyValueHeads,
        ["headSize"] = l.Shape.HeadSize,
        ["ffnWidth"] = l.Shape.FfnWidth,
        ["parameters"] = l.Parameters,
        ["kept"] = l.KeptShare,
        ["queryHeadsBase"] = l.Base.QueryHeads,
        ["keyValueHeadsBase"] = l.Base.KeyValueHeads,
        ["ffnWidthBase"] = l.Base.FfnWidth,
    })]);

    private static IEnumerable<string> Rows(RunSummary summary)
    {
        foreach (var row in Headline.Rows(summary))
            yield return $"  {row.Quantity,-28} {row.Unpruned,12} {row.Pruned,12} {row.Change,12}";
        yield return $"  mean sparsity {Units.Percent(summary.Sparsity)} of {Units.Percent(summary.TargetSparsity)}, {summary.Rounds} rounds, {summary.Devices} devices";
    }

    private static JsonObject? Summary(string path)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw InputException.InFile(path, "is no JSON object");
        }
        catch (JsonException e)
        {
            throw InputException.InFile(path, e.Message, e);
        }
    }
}
