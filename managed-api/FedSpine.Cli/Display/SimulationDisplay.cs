using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using Spectre.Console;

namespace FedSpine.Cli.Display;

/// <summary>Shows a run while it works: two moving lines on a terminal, a line a round elsewhere.</summary>
internal static class SimulationDisplay
{
    public static RunSummary Run(IAnsiConsole console, SimulationOptions options, CancellationToken cancel, Func<ISimulationProgress, RunSummary> work)
    {
        if (!LiveLines.Suits(console))
            return work(new PlainSimulationProgress(console.Profile.Out.Writer, options));
        var state = new LiveSimulationProgress(options, cancel);
        return LiveLines.Show(console, state.Lines, state.TakeNotes, () => work(state));
    }
}
