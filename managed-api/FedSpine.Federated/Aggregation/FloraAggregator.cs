using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// Stacking (FLoRA, Wang et al., NeurIPS 2024): the participants' weighted factors side by side are their weighted sum exactly, and
/// are added to what came before. Devices fold the whole into their frozen weights and start from a fresh adapter. The stack is
/// recompressed, without loss, when it is wider than any matrix of its shape needs or has directions that add nothing.
/// </summary>
public sealed class FloraAggregator() : AdapterAggregator("flora")
{
    public override bool FoldsIntoBase => true;

    private protected override AdapterModule Merge(ModuleContributions contributions)
    {
        int before = contributions.Previous?.Rank ?? 0;
        (ColumnMatrix left, ColumnMatrix right) = contributions.Stack(before);
        double[] all = [.. Enumerable.Repeat(1.0, Math.Max(contributions.Out, contributions.In))];
        for (int c = 0; c < before; c++)
        {
            ModuleContributions.AddB(left[contributions.StackedRank + c], contributions.Previous!, c, 1, all);
            ModuleContributions.AddA(right[contributions.StackedRank + c], contributions.Previous!, c, 1, all);
        }
        AdapterModule stacked = AdapterFactors.Global(contributions, left, right);
        HouseholderQr leftQr = new(left), rightQr = new(right);
        return leftQr.IsDependent(LowRank.Drop) || rightQr.IsDependent(LowRank.Drop)
            ? AdapterFactors.Balanced(contributions, LowRank.Factor(leftQr, rightQr, int.MaxValue))
            : stacked;
    }

    /// <summary>The share to fold: not truncated to <paramref name="rank"/>, or the fold would lose something.</summary>
    private protected override AdapterModule CutModule(AdapterModule global, AdapterShape shape, int rank)
    {
        (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(global, shape.Rows, shape.Columns);
        return AdapterFactors.Leading(shape, b, a, global.Rank);
    }
}
