using System.Text.Json;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Comparison;

/// <summary>Names inside a comparison's folder: compare.json, cells/DATA/VARIANT/seed-N (run folders), summary.json, table.md, report.html.</summary>
public sealed class ComparisonFolder(string path)
{
    public string Path { get; } = path;

    public string Config => System.IO.Path.Combine(Path, ComparisonConfig.FileName);

    public string Summary => System.IO.Path.Combine(Path, "summary.json");

    public string Table => System.IO.Path.Combine(Path, "table.md");

    public string Report => System.IO.Path.Combine(Path, "report.html");

    /// <summary>Where the comparison's runs compute, by what the first that was begun says, or else the plan; null: neither does.</summary>
    /// <exception cref="InputException">The plan names several devices: their times are not comparable.</exception>
    public string? Device(ComparisonPlan plan)
    {
        var cells = plan.Cells();
        if (cells.Select(c => c.Options.Device).Distinct().Count() > 1)
            throw new InputException("device: the runs of a comparison compute on one device; give it for all, or with --device");
        return cells.Select(c => c.Folder(Path).Config).FirstOrDefault(File.Exists) is { } config
            ? SimulationConfig.Read(config).Device ?? "host" : cells.FirstOrDefault()?.Options.Device;
    }

    /// <exception cref="InputException">The folder is not empty.</exception>
    public void RequireFree()
    {
        if (File.Exists(Path))
            throw new InputException($"{Path} is a file: give another --out");
        if (File.Exists(Config))
            throw new InputException($"{Path} already holds a comparison: give another --out, or continue it with --resume");
        if (Directory.Exists(Path) && Directory.EnumerateFileSystemEntries(Path).Any())
            throw new InputException($"{Path} is not empty: give another --out");
    }

    /// <summary>Table and report of what is finished; written anew after every cell.</summary>
    public ComparisonSummary WriteResults(ComparisonPlan plan)
    {
        var summary = ComparisonResults.Of(plan, Path);
        AtomicFile.WriteText(Table, ComparisonText.ToMarkdown(summary));
        AtomicFile.WriteText(Report, ComparisonPage.Render(summary, plan));
        AtomicFile.WriteText(Summary, JsonSerializer.Serialize(summary, RunJson.Indented.ComparisonSummary) + "\n");
        return summary;
    }
}
