namespace FedSpine.Federated.Aggregation;

/// <summary>
/// A sum of outer products l r^T (rows, columns) that is added to column by column, as factors side by side while they are
/// fewer than the sum's smaller side, and as the dense sum after that: memory O(rows columns) at most, and time linear in the
/// number of products, however many devices there are.
/// </summary>
internal sealed class ProductSum(int rows, int columns)
{
    private readonly List<double[]> _left = [], _right = [];
    private ColumnMatrix? _dense; // (longer side, shorter side): its columns are the longer ones

    /// <summary>The sum += l r^T; both are taken over, not copied.</summary>
    public void Add(double[] l, double[] r)
    {
        _left.Add(l);
        _right.Add(r);
        if (_left.Count > Math.Min(rows, columns))
            Fold();
    }

    /// <summary>At most <paramref name="maxRank"/> singular triples. The sum is used up.</summary>
    public LowRank Factor(int maxRank)
    {
        var (left, right) = Factors();
        return LowRank.Factor(left, right, maxRank);
    }

    /// <summary>Frobenius norm.</summary>
    public double Norm()
    {
        if (_dense is null)
        {
            var (left, right) = Factors();
            return FactorAveraging.ProductNorm(left, right);
        }

        Fold();
        double square = 0;
        for (int j = 0; j < _dense.Columns; j++)
            square += VectorMath.Dot(_dense[j], _dense[j]);
        return Math.Sqrt(square);
    }

    private (ColumnMatrix Left, ColumnMatrix Right) Factors()
    {
        if (_dense is null)
            return (Side(_left, rows), Side(_right, columns));
        Fold();
        return rows >= columns ? (_dense, Identity(columns)) : (Identity(rows), _dense);
    }

    private void Fold()
    {
        _dense ??= new ColumnMatrix(Math.Max(rows, columns), Math.Min(rows, columns));
        var (tall, wide) = rows >= columns ? (_left, _right) : (_right, _left);
        for (int j = 0; j < _dense.Columns; j++)
        {
            for (int k = 0; k < tall.Count; k++)
            {
                if (wide[k][j] != 0)
                    VectorMath.AddScaled(_dense[j], wide[k][j], tall[k]);
            }
        }

        _left.Clear();
        _right.Clear();
    }

    private static ColumnMatrix Side(List<double[]> vectors, int length)
    {
        var side = new ColumnMatrix(length, vectors.Count);
        for (int j = 0; j < vectors.Count; j++)
            vectors[j].CopyTo(side[j]);
        return side;
    }

    private static ColumnMatrix Identity(int size)
    {
        var identity = new ColumnMatrix(size, size);
        for (int j = 0; j < size; j++)
            identity[j][j] = 1;
        return identity;
    }
}
