using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Comparison;

/// <summary>A variant or a data set: a name and what it sets, by the keys of config.json.</summary>
public sealed record NamedSettings(string Name, JsonObject Settings);

/// <summary>
/// What to compare: every variant on every data set with every seed. Settings of a data set go over those of all, a variant's over
/// both. The first variant is the one that the others are compared with.
/// </summary>
public sealed record ComparisonPlan
{
    /// <summary>Name of the runs without pruning.</summary>
    public const string Unpruned = "unpruned";

    public required IReadOnlyList<NamedSettings> Variants { get; init; }

    public required IReadOnlyList<NamedSettings> DataSets { get; init; }

    public IReadOnlyList<ulong> Seeds { get; init; } = [1, 2, 3];

    /// <summary>Settings of all cells.</summary>
    public JsonObject Settings { get; init; } = [];

    /// <summary>Also tune without pruning: once for all variants that would do the same.</summary>
    public bool Reference { get; init; } = true;

    /// <summary>
    /// Every run that is needed, seed by seed, so that a comparison that is stopped has whole seeds. Variants that come to the same
    /// settings are one cell.
    /// </summary>
    /// <exception cref="InputException">Impossible settings; names variant and data set.</exception>
    public IReadOnlyList<ComparisonCell> Cells()
    {
        var cells = new List<ComparisonCell>();
        foreach (ulong seed in Seeds)
        {
            foreach (var data in DataSets)
            {
                var options = Variants.Select(v => (v.Name, Options: Complete(data, v, seed))).ToList();
                var distinct = new Dictionary<SimulationOptions, ComparisonCell>();
                ComparisonCell Cell(string name, SimulationOptions of)
                {
                    if (!distinct.TryGetValue(of, out var cell))
                        distinct.Add(of, cell = new ComparisonCell(data.Name, name, seed, of));
                    return cell;
                }

                var pairs = options.Select(o => (o.Name, Cell: Cell(o.Name, o.Options))).ToList();
                foreach (var (name, cell) in pairs)
                    cell.Variants.Add(name);
                foreach (var (name, unpruned) in Reference ? options.Select(o => (o.Name, WithoutPruning(o.Options))) : [])
                    Cell(distinct.Values.Any(c => c.Name == Unpruned) ? $"{Unpruned}-{name}" : Unpruned, unpruned).ReferenceOf.Add(name);
                cells.AddRange(distinct.Values);
            }
        }

        return cells;
    }

    private SimulationOptions Complete(NamedSettings data, NamedSettings variant, ulong seed)
    {
        string where = $"variant {variant.Name} on {data.Name}";
        try
        {
            // Time to an accuracy is only as fine as the evaluations.
            var options = new SimulationOptions { EvaluateEvery = 1 };
            foreach (var settings in new[] { Settings, data.Settings, variant.Settings })
                options = SettingsFile.Apply(settings, RunJson.Default.SimulationOptions, options, where);
            options = Method.Complete(options with { Seed = seed, Reference = false });
            options.Validate();
            return options;
        }
        catch (InputException e) when (!e.Message.StartsWith(where, StringComparison.Ordinal))
        {
            throw new InputException($"{where}: {e.Message}", e);
        }
    }

    /// <summary>The same adapter tuned without pruning, as this project's method would: what only pruning and its policy read has its default, so that equal runs are equal.</summary>
    private static SimulationOptions WithoutPruning(SimulationOptions options)
    {
        var (defaults, method) = (new SimulationOptions(), MethodCatalog.FedSpine);
        return Method.Complete(options with
        {
            Method = method.Name, Policy = "fixed", Schedule = PruningSchedule.None, Criterion = method.Criterion, Aggregation = method.Aggregation,
            Smoothing = defaults.Smoothing, PruneInterval = defaults.PruneInterval, TargetSparsity = defaults.TargetSparsity, MinRank = defaults.MinRank,
            RewardWeights = null, ShareStatistics = false, ShareImportance = method.SharesImportance,
            CalibrateLogits = options.Method == method.Name ? options.CalibrateLogits : null,
        });
    }
}
