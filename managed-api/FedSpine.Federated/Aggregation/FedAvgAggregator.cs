using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// B and A averaged apart (FedIT, Zhang et al., ICASSP 2024): all devices must have one rank. Not the average of the products; the
/// reported error says how far from it.
/// </summary>
public sealed class FedAvgAggregator() : AdapterAggregator("fedavg")
{
    private protected override AdapterModule Merge(ModuleContributions contributions)
    {
        int rank = contributions.Modules[0].Rank;
        if (contributions.Modules.FirstOrDefault(m => m.Rank != rank) is { } other)
            throw new InputException($"{contributions.Module}: aggregation 'fedavg' needs equal ranks, devices sent {rank} and {other.Rank}; "
                + "use svd, hetlora or flora, or a policy with one rank");
        AdapterModule merged = FactorAveraging.Merge(contributions);
        return merged.Rank == rank ? merged : throw UnequalRank(contributions.Module, contributions.Previous!.Rank, rank);
    }

    private protected override AdapterModule CutModule(AdapterModule global, AdapterShape shape, int rank)
    {
        if (rank != global.Rank)
            throw UnequalRank(shape.Module, global.Rank, rank);
        (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(global, shape.Rows, shape.Columns);
        return AdapterFactors.Leading(shape, b, a, rank);
    }

    private static InputException UnequalRank(string module, int global, int device) =>
        new($"{module}: aggregation 'fedavg' needs equal ranks, the global adapter has {global}, a device {device}; "
            + "use svd, hetlora or flora, or a policy with one rank");
}
