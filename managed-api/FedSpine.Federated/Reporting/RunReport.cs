using FedSpine.Engine.Tasks;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Reporting;

/// <summary>All that a report shows, with what its figures have in common.</summary>
public sealed class RunReport
{
    private readonly Dictionary<int, string> _classOf = [];

    public RunReport(SimulationOptions options, RunSummary summary, IReadOnlyList<RoundRecord> rounds, IReadOnlyList<DeviceRecord> devices)
    {
        Options = options;
        Summary = summary;
        Rounds = rounds;
        Devices = devices;
        foreach (var device in devices)
            _classOf[device.Device] = device.Class;
        foreach (var participant in rounds.SelectMany(r => r.Participants))
            _classOf.TryAdd(participant.Device, participant.Class);
        Classes = [.. _classOf.Values.Distinct().Order(StringComparer.Ordinal)];
    }

    public SimulationOptions Options { get; }

    public RunSummary Summary { get; }

    public IReadOnlyList<RoundRecord> Rounds { get; }

    public IReadOnlyList<DeviceRecord> Devices { get; }

    /// <summary>Device classes in alphabetical order; a class's place decides its colour.</summary>
    public IReadOnlyList<string> Classes { get; }

    public bool IsPerplexity => Options.Task == TaskKind.CausalLm;

    public bool HasReference => Summary.VirtualSecondsUnpruned is not null;

    public string ClassOf(int device) => _classOf.GetValueOrDefault(device, "");

    internal string ColorOf(string deviceClass) => Plots.Palette.Kind(Classes.TakeWhile(c => c != deviceClass).Count());

    /// <summary>All device numbers, by class and number.</summary>
    public IEnumerable<int> DevicesByClass => _classOf.OrderBy(d => d.Value, StringComparer.Ordinal).ThenBy(d => d.Key).Select(d => d.Key);
}
