using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Tuning;
using FedSpine.Federated.Reporting;

namespace FedSpine.Cli;

/// <summary>run/report.html of a tuning or pruning run: what came of it, its curves, what is left of each layer, how to repeat it.</summary>
internal static class TuneReport
{
    public static string Render(TuneJob job, bool pruning, TaskKind task, IReadOnlyList<TunePoint> points, JsonObject summary, Model model)
    {
        string quality = task == TaskKind.Classification ? "accuracy" : "perplexity";
        string verb = pruning ? "prune" : "finetune";
        var figures = new List<LineFigure>();
        if (points.Count > 1)
        {
            figures.Add(new LineFigure(task == TaskKind.Classification ? "Accuracy on test data" : "Perplexity of test data",
                "At every evaluation, the one before tuning first." + (pruning ? " It worsens where heads and channels go, and recovers." : ""), "step", quality,
                [new LineSeries("", [.. points.Select(p => ((double)p.Step, task == TaskKind.Classification ? p.Test.Accuracy : p.Test.Perplexity))])]));
            figures.Add(new LineFigure("Loss", "Training: a running mean over about twenty steps.", "step", "loss (nats)",
            [
                new LineSeries("test", [.. points.Select(p => ((double)p.Step, p.Test.Loss))]),
                new LineSeries("training", [.. points.Select(p => ((double)p.Step, p.TrainLoss))]),
            ]));
            if (pruning)
                figures.Add(new LineFigure("Pruning ratio", "Fraction of the blocks' weights that is gone.", "step", "ratio", [new LineSeries("", [.. points.Select(p => ((double)p.Step, p.Ratio))])]));
        }

        return PlainReport.Render($"{verb} {System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(job.Model!))}",
            Lines(summary), figures, model.Layers.Select((layer, i) => (model.BaseLayers[i], layer.Spec)).ToList(), JsonSerializer.Serialize(job, TuneJson.Default.TuneJob));
    }

    /// <summary>The summary as people read it, the same on a terminal.</summary>
    public static IReadOnlyList<(string Name, string Value)> Lines(JsonObject s)
    {
        var lines = new List<(string, string)>();
        string Change(string before, string after) => before == Units.Missing ? after : $"{after} (before: {before})";
        if (s.ContainsKey("accuracy"))
            lines.Add(("test accuracy", Change(Units.Percent(Json.Number(s["accuracyBefore"])), Units.Percent(Json.Number(s["accuracy"])))));
        else
            lines.Add(("test perplexity", Change(Units.Significant(Json.Number(s["perplexityBefore"])), Units.Significant(Json.Number(s["perplexity"])))));
        lines.Add(("test loss", Change(Units.Significant(Json.Number(s["lossBefore"])), Units.Significant(Json.Number(s["loss"])))));
        if (Json.Number(s["ratio"]) > 0)
        {
            lines.Add(("pruned", $"{Units.Percent(Json.Number(s["ratio"]))} of the blocks' weights"));
            lines.Add(("weights", Change(Units.Count(Json.Number(s["parametersBefore"])), Units.Count(Json.Number(s["parametersAfter"])))));
        }

        if (Json.Number(s["steps"]) > 0)
            lines.Add(("steps", $"{Units.Count(Json.Number(s["steps"]))}, weights of step {s["keptStep"]}{(Json.Number(s["voidSteps"]) > 0 ? $", {s["voidSteps"]} without effect (loss not finite)" : "")}"));
        lines.Add(("time, memory", $"{Units.Duration(Json.Number(s["wallSeconds"]))}, at most {Units.Bytes(Json.Number(s["peakRssBytes"]))}"));
        return lines;
    }
}
