using System.Globalization;
using System.Text;
using System.Text.Json;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Reporting;

/// <summary>
/// Fills a run folder. rounds.jsonl grows by one flushed line a round; every other file is written beside and renamed, so that a
/// killed run leaves whole files and at most one torn last line, which <see cref="Resume"/> drops.
/// </summary>
public sealed class RunFolderWriter
{
    private RunFolderWriter(RunFolder folder) => Folder = folder;

    public RunFolder Folder { get; }

    /// <summary>The next free VERB-NNN under <paramref name="parent"/>.</summary>
    public static string NextFree(string parent, string verb)
    {
        string prefix = verb + "-";
        int last = 0;
        if (Directory.Exists(parent))
        {
            foreach (string path in Directory.EnumerateFileSystemEntries(parent, prefix + "*"))
            {
                if (int.TryParse(Path.GetFileName(path)[prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                    last = Math.Max(last, number);
            }
        }

        return Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"{prefix}{last + 1:000}"));
    }

    /// <summary>Checks, before any work, that nothing that exists would be overwritten.</summary>
    /// <exception cref="InputException">The folder holds a run or a file of the same name as one of ours, or is a file.</exception>
    public static void RequireFree(string path)
    {
        if (File.Exists(path))
            throw new InputException($"{path} is a file: give another --out");
        var folder = new RunFolder(path);
        string[] ours = [folder.Config, folder.Rounds, folder.Summary, folder.Devices, folder.Report, folder.Models, folder.Checkpoint];
        if (Array.Find(ours, Path.Exists) is not { } taken)
            return;
        if (!File.Exists(folder.Config) || !TryReadConfig(folder, out var options))
            throw new InputException($"{path} already has a {Path.GetFileName(taken)} that is not this run's: give another --out");
        string state = File.Exists(folder.Summary) ? "give another --out" : "give another --out, or continue it with --resume";
        var started = File.GetLastWriteTime(folder.Config);
        throw new InputException(string.Create(CultureInfo.InvariantCulture,
            $"{path} already holds a run (seed {options.Seed}, started {started:yyyy-MM-dd HH:mm}): {state}"));
    }

    /// <summary>Makes the folder and leaves config.json in it.</summary>
    public static RunFolderWriter Create(string path, SimulationOptions options)
    {
        RequireFree(path);
        var folder = new RunFolder(path);
        AtomicFile.WriteText(folder.Config, SimulationConfig.Write(options) + "\n");
        return new RunFolderWriter(folder);
    }

    /// <summary>Goes on with a run whose checkpoint holds <paramref name="rounds"/> finished rounds: later or torn lines are dropped.</summary>
    /// <exception cref="InputException">No run there, or rounds.jsonl has fewer lines than the checkpoint has rounds.</exception>
    public static RunFolderWriter Resume(string path, int rounds)
    {
        var folder = new RunFolder(path);
        if (!File.Exists(folder.Config))
            throw new InputException($"{path} holds no run (no config.json): nothing to resume");
        if (!File.Exists(folder.Rounds))
            return rounds == 0 ? new RunFolderWriter(folder) : throw InputException.InFile(folder.Rounds, $"missing, and the checkpoint is of round {rounds}");
        using var file = new FileStream(folder.Rounds, FileMode.Open, FileAccess.ReadWrite);
        int lines = 0, value;
        while (lines < rounds && (value = file.ReadByte()) >= 0)
            lines += value == '\n' ? 1 : 0;
        if (lines < rounds)
            throw InputException.InFile(folder.Rounds, $"{lines} complete lines, and the checkpoint is of round {rounds}");
        file.SetLength(file.Position);
        return new RunFolderWriter(folder);
    }

    /// <summary>Adds a line to rounds.jsonl; on disk when this returns.</summary>
    /// <exception cref="FedSpineException">The disk is full, ...; part of the line may be there, which <see cref="Resume"/> drops.</exception>
    public void AppendRound(RoundRecord round)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(round, RunJson.Default.RoundRecord), (byte)'\n'];
        try
        {
            using var file = new FileStream(Folder.Rounds, FileMode.Append, FileAccess.Write);
            file.Write(line);
            file.Flush(flushToDisk: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FedSpineException($"{Folder.Rounds}: cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Writes devices.jsonl, report.html and, last because it says that the run is complete, summary.json.</summary>
    public void Finish(RunSummary summary, IReadOnlyList<DeviceRecord> devices)
    {
        var lines = new StringBuilder();
        foreach (var device in devices)
            lines.Append(JsonSerializer.Serialize(device, RunJson.Default.DeviceRecord)).Append('\n');
        AtomicFile.WriteText(Folder.Devices, lines.ToString());
        var run = new RunReport(SimulationConfig.Read(Folder.Config), summary, RunFolderReader.ReadRounds(Folder), devices);
        AtomicFile.WriteText(Folder.Report, ReportPage.Render(run));
        AtomicFile.WriteText(Folder.Summary, JsonSerializer.Serialize(summary, RunJson.Indented.RunSummary) + "\n");
    }

    private static bool TryReadConfig(RunFolder folder, out SimulationOptions options)
    {
        try
        {
            options = SimulationConfig.Read(folder.Config);
            return true;
        }
        catch (InputException)
        {
            options = new SimulationOptions();
            return false;
        }
    }
}
