using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// What a round's participants and the previous global adapter say about one module, embedded into base coordinates. The rules
/// differ in the weights and in what they do with the factors; which device still holds what is answered here.
/// </summary>
internal sealed class ModuleContributions
{
    /// <param name="previous">The module in the previous global adapter, if it has one.</param>
    /// <param name="modules">The participants' modules.</param>
    /// <param name="weights">Their weights p, adding up to 1.</param>
    public ModuleContributions(AdapterModule? previous, IReadOnlyList<AdapterModule> modules, double[] weights)
    {
        (Previous, Modules, Weights) = (previous, modules, weights);
        (Out, In) = (modules[0].BaseRows, modules[0].BaseColumns);
        RowInverse = Inverse(Out, m => m.Rows);
        ColumnInverse = Inverse(In, m => m.Columns);
    }

    public AdapterModule? Previous { get; }

    public IReadOnlyList<AdapterModule> Modules { get; }

    public double[] Weights { get; }

    public string Module => Modules[0].Module;

    public int Out { get; }

    public int In { get; }

    /// <summary>(Out): the diagonal of D for modules cut on rows, 1 / total weight of the devices that hold the row, 0 when none does.</summary>
    public double[] RowInverse { get; }

    /// <summary>(In): the same for modules cut on columns.</summary>
    public double[] ColumnInverse { get; }

    public int StackedRank => Modules.Sum(m => m.Rank);

    /// <summary>The same participants under other weights, which need not add up to 1.</summary>
    public ModuleContributions Reweighted(double[] weights)
    {
        double total = weights.Sum();
        return total > 0 ? new ModuleContributions(Previous, Modules, [.. weights.Select(w => w / total)]) : this;
    }

    /// <summary>
    /// L (Out, n) and R (In, n) with L R^T = sum p_k D_k B_k s_k A_k: sqrt-weighted factors side by side, then
    /// <paramref name="extra"/> empty columns at the end.
    /// </summary>
    public (ColumnMatrix Left, ColumnMatrix Right) Stack(int extra)
    {
        var left = new ColumnMatrix(Out, StackedRank + extra);
        var right = new ColumnMatrix(In, StackedRank + extra);
        int column = 0;
        for (int k = 0; k < Modules.Count; k++)
        {
            AdapterModule m = Modules[k];
            double share = Math.Sqrt(Weights[k] * m.Scale);
            for (int c = 0; c < m.Rank; c++, column++)
            {
                AddB(left[column], m, c, share, RowInverse);
                AddA(right[column], m, c, share, ColumnInverse);
            }
        }
        return (left, right);
    }

    /// <summary>sum p_k D_k B_k s_k A_k, one device after another.</summary>
    public ProductSum Sum()
    {
        var sum = new ProductSum(Out, In);
        for (int k = 0; k < Modules.Count; k++)
        {
            AdapterModule m = Modules[k];
            double share = Math.Sqrt(Weights[k] * m.Scale);
            for (int c = 0; c < m.Rank; c++)
            {
                double[] left = new double[Out], right = new double[In];
                AddB(left, m, c, share, RowInverse);
                AddA(right, m, c, share, ColumnInverse);
                sum.Add(left, right);
            }
        }
        return sum;
    }

    /// <summary>column += share * diagonal * column c of B, at the rows that the module holds.</summary>
    public static void AddB(Span<double> column, AdapterModule m, int c, double share, ReadOnlySpan<double> diagonal)
    {
        for (int i = 0; i < m.RowCount; i++)
        {
            int row = m.Rows?[i] ?? i;
            column[row] += share * diagonal[row] * m.B[i * m.Rank + c];
        }
    }

    /// <summary>column += share * diagonal * row c of A, at the columns that the module holds.</summary>
    public static void AddA(Span<double> column, AdapterModule m, int c, double share, ReadOnlySpan<double> diagonal)
    {
        for (int j = 0; j < m.ColumnCount; j++)
        {
            int at = m.Columns?[j] ?? j;
            column[at] += share * diagonal[at] * m.A[c * m.ColumnCount + j];
        }
    }

    private double[] Inverse(int length, Func<AdapterModule, int[]?> kept)
    {
        var inverse = new double[length];
        if (Modules.All(m => kept(m) is null))
        {
            Array.Fill(inverse, 1);
            return inverse;
        }
        for (int k = 0; k < Modules.Count; k++)
        {
            if (kept(Modules[k]) is { } indices)
            {
                foreach (int i in indices)
                    inverse[i] += Weights[k];
            }
            else
            {
                for (int i = 0; i < length; i++)
                    inverse[i] += Weights[k];
            }
        }
        for (int i = 0; i < length; i++)
            inverse[i] = inverse[i] > 0 ? 1 / inverse[i] : 0;
        return inverse;
    }
}
