using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Comparison;

/// <summary>One run of a comparison.</summary>
/// <param name="DataSet">Name of the data set.</param>
/// <param name="Name">Of the variant it was first needed for, or "unpruned".</param>
/// <param name="Options">Complete.</param>
public sealed record ComparisonCell(string DataSet, string Name, ulong Seed, SimulationOptions Options)
{
    /// <summary>Variants whose result this is.</summary>
    public List<string> Variants { get; } = [];

    /// <summary>Variants whose unpruned reference this is.</summary>
    public List<string> ReferenceOf { get; } = [];

    public RunFolder Folder(string comparison) => new(Path.Combine(comparison, "cells", DataSet, Name, $"seed-{Seed}"));

    public override string ToString() => $"{DataSet} {Name} seed {Seed}";
}
