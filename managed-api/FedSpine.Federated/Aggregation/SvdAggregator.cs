using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// The weighted sum of the participants' products, kept as factors: dW = sum p_k D_k B_k s_k A_k, D_k dividing each row (column) by
/// the total weight of its holders; rows and columns that no participant holds keep the previous adapter's values. A device gets
/// the best approximation of its own rows, columns and rank (Eckart and Young). With n the sum of the participants' ranks and m the
/// module's smaller side, work per module is O((out + in) n^2 + n^3) and memory O((out + in) n) while n is at most m; beyond, work
/// is O(out in (n + m)) and memory O(out in), besides the updates themselves.
/// </summary>
/// <param name="maxRank">Largest rank of the global adapter; null: as large as numerically needed.</param>
public sealed class SvdAggregator(int? maxRank = null) : AdapterAggregator("svd")
{
    private protected override AdapterModule Merge(ModuleContributions contributions)
    {
        // What nobody holds is one more contributor: the previous adapter restricted to those rows or columns.
        int rows = contributions.RowInverse.Count(d => d == 0), columns = contributions.ColumnInverse.Count(d => d == 0);
        AdapterModule? previous = rows + columns > 0 ? contributions.Previous : null;
        ProductSum sum = contributions.Sum();
        double[] keptRows = Uncovered(contributions.RowInverse, rows), keptColumns = Uncovered(contributions.ColumnInverse, columns);
        for (int c = 0; c < (previous?.Rank ?? 0); c++)
        {
            double[] left = new double[contributions.Out], right = new double[contributions.In];
            ModuleContributions.AddB(left, previous!, c, 1, keptRows);
            ModuleContributions.AddA(right, previous!, c, 1, keptColumns);
            sum.Add(left, right);
        }
        return AdapterFactors.Balanced(contributions, sum.Factor(maxRank ?? int.MaxValue));
    }

    private protected override AdapterModule CutModule(AdapterModule global, AdapterShape shape, int rank)
    {
        (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(global, shape.Rows, shape.Columns);
        return AdapterFactors.Trainable(shape, LowRank.Factor(b, a, rank), rank);
    }

    /// <summary>1 where nobody holds the index; all of an axis that everybody holds whole.</summary>
    private static double[] Uncovered(double[] inverse, int count) => [.. inverse.Select(d => d == 0 || count == 0 ? 1.0 : 0.0)];
}
