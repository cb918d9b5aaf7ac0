using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using FedSpine.Federated.Tests.Reporting;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>Leaves a synthetic run's folder, and remembers what it was asked for.</summary>
internal sealed class FakeSimulator
{
    public SimulationOptions? Options { get; private set; }

    public string? Folder { get; private set; }

    public bool Resume { get; private set; }

    public int Threads { get; private set; }

    /// <summary>The accelerator it was given; null for the host.</summary>
    public string? Accelerator { get; private set; }

    /// <summary>What it was told to call where it computes.</summary>
    public string? Device { get; private set; }

    /// <summary>Called after each round, with its number.</summary>
    public Action<int> AfterRound { get; init; } = _ => { };

    public RunSummary Run(SimulationOptions options, string folder, bool resume, SimulationCompute compute, ISimulationProgress progress, CancellationToken cancel)
    {
        (Options, Folder, Resume, Threads) = (options, folder, resume, compute.Threads);
        Device = compute.Device;
        Accelerator = compute.Accelerator?.Name;
        var run = new SyntheticRun { Devices = options.Devices, Rounds = options.Rounds, Task = options.Task }.Build();
        progress.Phase("loading", options.Rounds);
        int done = resume ? RunFolderReader.ReadRounds(new RunFolder(folder)).Count : 0;
        var writer = resume ? RunFolderWriter.Resume(folder, done) : RunFolderWriter.Create(folder, options);
        Directory.CreateDirectory(writer.Folder.Checkpoint);
        progress.Phase("federating", options.Rounds);
        foreach (var round in run.Rounds.Skip(done))
        {
            cancel.ThrowIfCancellationRequested();
            progress.DeviceFinished(round.Round, 1, 1);
            writer.AppendRound(round);
            progress.RoundFinished(round);
            AfterRound(round.Round);
        }

        writer.Finish(run.Summary, run.Devices);
        return run.Summary;
    }
}
