namespace FedSpine.Federated.Aggregation;

/// <summary>
/// Singular triples of a product L R^T whose factors are tall: U (out, k), Sigma (k) descending, V (in, k). The product itself is
/// never formed: QR of both factors, SVD of the small core R_L R_R^T.
/// </summary>
internal sealed record LowRank(ColumnMatrix U, double[] Sigma, ColumnMatrix V)
{
    /// <summary>Singular values below this share of the largest are rounding of float32 factors.</summary>
    public const double Drop = 1e-7;

    /// <summary>At most <paramref name="maxRank"/> triples of L R^T, L (out, n) and R (in, n), which are overwritten.</summary>
    public static LowRank Factor(ColumnMatrix left, ColumnMatrix right, int maxRank) =>
        Factor(new HouseholderQr(left), new HouseholderQr(right), maxRank);

    /// <summary>The same from the factors' own factorisations.</summary>
    public static LowRank Factor(HouseholderQr left, HouseholderQr right, int maxRank)
    {
        ColumnMatrix core = TransposedProduct(left.R(), right.R());     // (k_R, k_L): R_R R_L^T
        (ColumnMatrix u, double[] sigma) = JacobiSvd.Left(core);
        int rank = 0;
        while (rank < Math.Min(maxRank, sigma.Length) && sigma[rank] > Drop * sigma[0])
            rank++;

        var coreU = new ColumnMatrix(u.Rows, rank);
        var coreV = new ColumnMatrix(core.Rows, rank);
        for (int j = 0; j < rank; j++)
        {
            u[j].CopyTo(coreU[j]);
            for (int i = 0; i < core.Columns; i++)
                VectorMath.AddScaled(coreV[j], u[j][i] / sigma[j], core[i]);
        }
        return new LowRank(left.ApplyQ(coreU), sigma[..rank], right.ApplyQ(coreV));
    }

    /// <summary>Y X^T (k_Y, k_X) of upper triangular or trapezoidal X (k_X, n) and Y (k_Y, n).</summary>
    private static ColumnMatrix TransposedProduct(ColumnMatrix x, ColumnMatrix y)
    {
        var product = new ColumnMatrix(y.Rows, x.Rows);
        for (int k = 0; k < x.Columns; k++)
        {
            ReadOnlySpan<double> yk = y[k][..Math.Min(k + 1, y.Rows)];
            for (int i = 0; i < Math.Min(k + 1, x.Rows); i++)
                VectorMath.AddScaled(product[i][..yk.Length], x[k][i], yk);
        }
        return product;
    }
}
