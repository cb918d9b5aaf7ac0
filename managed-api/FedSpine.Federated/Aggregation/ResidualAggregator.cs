using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// As <see cref="SvdAggregator"/>, but what is merged is each participant's change: dW + sum p_k D_k (B_k s_k A_k - what it started from).
/// What truncation to a device's rank left out, and what it did not touch, stays in the global adapter, whose rank is
/// twice the largest of the participants'.
/// </summary>
public sealed class ResidualAggregator() : AdapterAggregator("residual"), IAggregator
{
    private protected override AdapterModule Merge(ModuleContributions contributions)
    {
        ProductSum sum = contributions.Sum();
        for (int k = 0; k < contributions.Modules.Count; k++)
        {
            if (contributions.Previous is not null && contributions.Starts[k] is { } start)
                Add(sum, contributions, start, -contributions.Weights[k] * start.Scale, Kept(contributions.RowInverse, contributions.Modules[k].Rows), Kept(contributions.ColumnInverse, contributions.Modules[k].Columns));
        }

        if (contributions.Previous is { } previous)
            Add(sum, contributions, previous, 1, Ones(contributions.Out), Ones(contributions.In));
        return AdapterFactors.Balanced(contributions, sum.Factor(2 * contributions.Modules.Max(m => m.Rank)));
    }

    private protected override AdapterModule CutModule(AdapterModule global, AdapterShape shape, int rank)
    {
        (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(global, shape.Rows, shape.Columns);
        return AdapterFactors.Trainable(shape, LowRank.Factor(b, a, rank), rank);
    }

    public IReadOnlyList<AdapterModule> Rest(GlobalAdapter global, IReadOnlyList<AdapterShape> shapes, int rank, int limit)
    {
        var rest = new List<AdapterModule>();
        foreach (AdapterShape shape in rank < limit ? shapes : [])
        {
            if (global.State.Modules.FirstOrDefault(m => m.Module == shape.Module) is not { } module)
                continue;
            (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(module, shape.Rows, shape.Columns);
            if (AdapterFactors.Beyond(shape, LowRank.Factor(b, a, limit), rank) is { } beyond)
                rest.Add(beyond);
        }
        return rest;
    }

    private static void Add(ProductSum sum, ModuleContributions c, AdapterModule m, double share, double[] rows, double[] columns)
    {
        for (int r = 0; r < m.Rank; r++)
        {
            double[] left = new double[c.Out], right = new double[c.In];
            ModuleContributions.AddB(left, m, r, share, rows);
            ModuleContributions.AddA(right, m, r, 1, columns);
            sum.Add(left, right);
        }
    }

    /// <summary>The diagonal of D at what a participant still holds, 0 elsewhere: what it removed in the round is nobody's change.</summary>
    private static double[] Kept(double[] inverse, int[]? kept)
    {
        if (kept is null)
            return inverse;
        var diagonal = new double[inverse.Length];
        foreach (int i in kept)
            diagonal[i] = inverse[i];
        return diagonal;
    }

    private static double[] Ones(int count)
    {
        var ones = new double[count];
        Array.Fill(ones, 1);
        return ones;
    }
}
