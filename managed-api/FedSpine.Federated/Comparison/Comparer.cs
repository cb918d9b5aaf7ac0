using System.Diagnostics;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Comparison;

/// <summary>See <see cref="Simulator.Run"/>.</summary>
public delegate RunSummary RunCell(SimulationOptions options, string folder, bool resume, SimulationCompute compute, ISimulationProgress progress, CancellationToken cancel);

/// <summary>Runs the cells of a comparison one after the other; each is a run folder, so that what is finished is never repeated.</summary>
public static class Comparer
{
    /// <param name="folder">New, or one that an earlier sitting left.</param>
    /// <exception cref="InputException">Impossible options or unusable input.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; finished cells and the last checkpoint of the present one are kept.</exception>
    public static ComparisonSummary Run(ComparisonPlan plan, ComparisonFolder folder, SimulationCompute compute, RunCell run, IComparisonProgress progress, CancellationToken cancel)
    {
        ComparisonConfig.Check(plan);
        var cells = plan.Cells();
        Directory.CreateDirectory(folder.Path);
        if (!File.Exists(folder.Config))
            AtomicFile.WriteText(folder.Config, ComparisonConfig.Write(plan));
        var left = cells.Where(c => RunFolderReader.ReadSummary(c.Folder(folder.Path)) is null).ToList();
        progress.Begin(cells.Count, cells.Count - left.Count, left);
        foreach (var cell in left)
        {
            cancel.ThrowIfCancellationRequested();
            var at = cell.Folder(folder.Path);
            bool resume = File.Exists(at.Config);
            if (resume && SimulationConfig.Read(at.Config) with { Device = cell.Options.Device } != cell.Options)
                throw InputException.InFile(at.Config, "is of a run with other settings: give another --out");
            long started = Stopwatch.GetTimestamp();
            progress.CellStarted(cell);
            var summary = run(cell.Options, at.Path, resume, compute, progress.OfCell(cell), cancel);
            RemoveModels(at);
            folder.WriteResults(plan);
            progress.CellFinished(cell, summary, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return folder.WriteResults(plan);
    }

    /// <summary>A hundred cells of a hundred megabytes of models would fill a disk, and no figure needs them any more.</summary>
    private static void RemoveModels(RunFolder run)
    {
        foreach (string path in new[] { run.Models, run.Checkpoint }.Where(Directory.Exists))
            Directory.Delete(path, recursive: true);
    }
}

/// <summary>What a comparison tells whoever watches it.</summary>
public interface IComparisonProgress
{
    void Begin(int cells, int finished, IReadOnlyList<ComparisonCell> left);

    void CellStarted(ComparisonCell cell);

    /// <summary>Who watches the run of the cell that was started.</summary>
    ISimulationProgress OfCell(ComparisonCell cell);

    void CellFinished(ComparisonCell cell, RunSummary summary, double seconds);
}
