using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>Averaging B and A apart from each other, with shorter ranks padded by zeros: what `fedavg` and `hetlora` do, and what it costs.</summary>
internal static class FactorAveraging
{
    /// <summary>
    /// mean B (Out, r) and mean A (r, In) over the devices that hold a row or column, r the largest rank, scales folded in as
    /// sqrt(s) each. Rows of B, or columns of A, that nobody holds keep the previous global factor's.
    /// </summary>
    public static (ColumnMatrix B, ColumnMatrix A) Mean(ModuleContributions contributions, int rank)
    {
        var b = new ColumnMatrix(contributions.Out, rank);  // column c: column c of B
        var a = new ColumnMatrix(contributions.In, rank);   // column c: row c of A
        for (int k = 0; k < contributions.Modules.Count; k++)
        {
            AdapterModule m = contributions.Modules[k];
            double share = Math.Sqrt(m.Scale) * contributions.Weights[k];
            for (int c = 0; c < m.Rank; c++)
            {
                ModuleContributions.AddB(b[c], m, c, share, contributions.RowInverse);
                ModuleContributions.AddA(a[c], m, c, share, contributions.ColumnInverse);
            }
        }
        return (b, a);
    }

    /// <summary>The global module that averaging gives.</summary>
    public static AdapterModule Merge(ModuleContributions contributions)
    {
        int rank = contributions.Modules.Max(m => m.Rank);
        AdapterModule? previous = contributions.Previous;
        bool uncovered = contributions.RowInverse.Contains(0) || contributions.ColumnInverse.Contains(0);
        if (previous is not null && uncovered)
            rank = Math.Max(rank, previous.Rank);
        (ColumnMatrix b, ColumnMatrix a) = Mean(contributions, rank);
        if (previous is not null && uncovered)
        {
            double[] rows = Uncovered(contributions.RowInverse), columns = Uncovered(contributions.ColumnInverse);
            for (int c = 0; c < previous.Rank; c++)
            {
                ModuleContributions.AddB(b[c], previous, c, 1, rows);
                ModuleContributions.AddA(a[c], previous, c, 1, columns);
            }
        }
        return AdapterFactors.Global(contributions, b, a);
    }

    /// <summary>
    /// || sum p_k (B_k - mean B)(A_k - mean A) ||_F: how far (mean B)(mean A) is from the weighted sum of the products. Where devices
    /// hold different rows, factors are embedded into base coordinates and row i is averaged over its holders, with weights p_k / W_i
    /// (W_i their total). Target minus product of means is then, in row i, sum over holders of (p_k / W_i) B_ki (A_k - mean A): only
    /// the factor that nobody cut is centred, because its mean is over all devices and not over the holders of i. Likewise for
    /// columns; with everything held by everybody, centring one factor or both is the same. While there are few products, the sum is
    /// one of stacks L R^T, and its norm^2 = sum of (L^T L) o (R^T R): nothing of size Out x In is formed.
    /// </summary>
    public static double Error(ModuleContributions contributions)
    {
        int rank = contributions.Modules.Max(m => m.Rank);
        bool centreA = contributions.Modules.Any(m => m.Rows is not null);
        (ColumnMatrix meanB, ColumnMatrix meanA) = Mean(contributions, rank);
        var sum = new ProductSum(contributions.Out, contributions.In);
        for (int k = 0; k < contributions.Modules.Count; k++)
        {
            AdapterModule m = contributions.Modules[k];
            double share = contributions.Weights[k];
            for (int c = 0; c < rank; c++)
            {
                double[] b = new double[contributions.Out], a = new double[contributions.In];
                if (c < m.Rank)
                {
                    ModuleContributions.AddB(b, m, c, share * Math.Sqrt(m.Scale), contributions.RowInverse);
                    ModuleContributions.AddA(a, m, c, Math.Sqrt(m.Scale), contributions.ColumnInverse);
                }
                if (centreA)
                    VectorMath.AddScaled(a, -1, meanA[c]);
                else
                    VectorMath.AddScaled(b, -share, meanB[c]);
                sum.Add(b, a);
            }
        }
        return sum.Norm();
    }

    /// <summary>|| L R^T ||_F through the Gram matrices of L and R.</summary>
    public static double ProductNorm(ColumnMatrix left, ColumnMatrix right)
    {
        double square = 0;
        for (int i = 0; i < left.Columns; i++)
        {
            square += VectorMath.Dot(left[i], left[i]) * VectorMath.Dot(right[i], right[i]);
            for (int j = 0; j < i; j++)
                square += 2 * VectorMath.Dot(left[i], left[j]) * VectorMath.Dot(right[i], right[j]);
        }
        return Math.Sqrt(Math.Max(0, square));
    }

    private static double[] Uncovered(double[] inverse) => [.. inverse.Select(d => d == 0 ? 1.0 : 0.0)];
}
