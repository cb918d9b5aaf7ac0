using FedSpine.Engine;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Methods;

/// <summary>
/// What sets one federated method apart from another: who picks ratio and rank, how heads and channels are scored, when they are
/// removed, how adapters are merged, and whether devices share scores and are calibrated. All else of a run (data, split, fleet,
/// clock, batch, steps, seed) is the same for every method.
/// </summary>
/// <param name="Name">As --method takes it.</param>
/// <param name="Policy">One of <see cref="Policies.PolicyFactory.Names"/>.</param>
/// <param name="Criterion">One of <see cref="Engine.Pruning.ImportanceCriteria.Names"/>.</param>
/// <param name="Schedule">One of <see cref="PruningSchedule.Names"/>.</param>
/// <param name="Aggregation">One of <see cref="Aggregation.AggregatorFactory.Names"/>.</param>
public sealed record Method(string Name, string Policy, string Criterion, string Schedule, string Aggregation)
{
    /// <summary>Whether its parts may be replaced one by one, for ablations. A baseline is what its paper says.</summary>
    public bool IsOpen { get; init; }

    /// <summary>Whether devices rank by the mean of all devices' scores.</summary>
    public bool SharesImportance { get; init; }

    /// <summary>Whether a device's logits are calibrated by its labels while it tunes a classifier.</summary>
    public bool CalibratesLogits { get; init; }

    /// <summary>
    /// The options with what the method decides filled in. Options that are complete come back as they were.
    /// </summary>
    /// <exception cref="InputException">An unknown method, or an option that is not this method's.</exception>
    public static SimulationOptions Complete(SimulationOptions options)
    {
        var method = MethodCatalog.Find(options.Method);
        return options with
        {
            Policy = method.Settle("policy", options.Policy, method.Policy),
            Criterion = method.Settle("criterion", options.Criterion, method.Criterion),
            Schedule = method.Settle("schedule", options.Schedule, method.Schedule),
            Aggregation = method.Settle("aggregation", options.Aggregation, method.Aggregation),
            ShareImportance = method.Settle("share-importance", options.ShareImportance, method.SharesImportance),
            CalibrateLogits = options.Task != TaskKind.Classification && options.CalibrateLogits is null ? false
                : method.Settle("calibrate-logits", options.CalibrateLogits, method.CalibratesLogits),
        };
    }

    /// <summary>The sparsity that complete options ask for: none where nothing is pruned.</summary>
    public static double TargetOf(SimulationOptions complete) => complete.Schedule == PruningSchedule.None ? 0 : complete.TargetSparsity;

    private string Settle(string option, string? given, string own) => given is null || given == own || IsOpen ? given ?? own : throw Contradiction(option, given, own);

    private bool Settle(string option, bool? given, bool own) => given is null || given == own || IsOpen ? given ?? own
        : throw Contradiction(option, given.Value ? "true" : "false", own ? "true" : "false");

    private InputException Contradiction(string option, string given, string own) => new InputException($"--{option} {given} contradicts --method {Name}, whose {option} is {own}; only {MethodCatalog.FedSpine.Name} takes another");
}
