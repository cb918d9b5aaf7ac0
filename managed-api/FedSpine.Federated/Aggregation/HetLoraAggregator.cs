using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// Zero-padding with sparsity weights (HetLoRA, Cho et al., EMNLP 2024): B and A are averaged apart, padded to the largest rank, with
/// weights || s_k B_k A_k ||_F instead of example counts; a device takes the first components of its rank.
/// </summary>
public sealed class HetLoraAggregator() : AdapterAggregator("hetlora")
{
    private protected override AdapterModule Merge(ModuleContributions contributions) =>
        FactorAveraging.Merge(contributions.Reweighted([.. contributions.Modules.Select(AdapterNorm.Frobenius)]));

    private protected override AdapterModule CutModule(AdapterModule global, AdapterShape shape, int rank)
    {
        (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(global, shape.Rows, shape.Columns);
        return AdapterFactors.Leading(shape, b, a, rank);
    }
}
