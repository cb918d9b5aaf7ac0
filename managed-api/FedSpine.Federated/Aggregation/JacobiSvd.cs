using FedSpine.Engine;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// Left singular vectors and singular values by one-sided Jacobi rotations (Hestenes 1958; Drmac and Veselic, SIAM J. Matrix Anal.
/// 2008): columns are rotated in pairs until all are orthogonal; they are then sigma_j u_j. Right vectors are not accumulated: the
/// callers have both factors and get them by a projection.
/// </summary>
internal static class JacobiSvd
{
    private const int MostSweeps = 40;

    /// <summary>|cosine| of two columns that counts as orthogonal.</summary>
    private const double Orthogonal = 1e-13;

    /// <summary>
    /// Columns shorter than this, relative to the longest, are noise that no number of sweeps makes orthogonal to anything: they are
    /// left alone, and callers drop them.
    /// </summary>
    private const double Negligible = 1e-9;

    /// <summary>
    /// U (m, k) and sigma (k), descending, of X (m, n), k = min(m, n), from its transpose (n, m). Columns of U
    /// whose sigma is below 1e-9 of the largest are not meaningful.
    /// </summary>
    public static (ColumnMatrix U, double[] Sigma) Left(ColumnMatrix transpose)
    {
        // X^T P = Q R makes X = P R^T Q^T, so P R^T has X's left vectors and values; with the long rows of X first its columns are
        // close to orthogonal already, which saves sweeps.
        int[] order = [.. Enumerable.Range(0, transpose.Columns)];
        double[] length = new double[order.Length];
        for (int j = 0; j < length.Length; j++)
            length[j] = -VectorMath.Dot(transpose[j], transpose[j]);
        Array.Sort(length, order);
        var sorted = new ColumnMatrix(transpose.Rows, transpose.Columns);
        for (int j = 0; j < order.Length; j++)
            transpose[order[j]].CopyTo(sorted[j]);
        ColumnMatrix r = new HouseholderQr(sorted).R();     // (k, m)

        var columns = new ColumnMatrix(r.Columns, r.Rows);  // R^T (m, k)
        for (int i = 0; i < r.Rows; i++)
            for (int j = i; j < r.Columns; j++)
                columns[i][j] = r[j][i];
        double[] sigma = Orthogonalise(columns);

        int[] descending = [.. Enumerable.Range(0, sigma.Length).OrderByDescending(i => sigma[i])];
        var u = new ColumnMatrix(columns.Rows, columns.Columns);
        for (int j = 0; j < descending.Length; j++)
        {
            Span<double> from = columns[descending[j]], to = u[j];
            double inverse = sigma[descending[j]] > 0 ? 1 / sigma[descending[j]] : 0;
            for (int i = 0; i < order.Length; i++)
                to[order[i]] = from[i] * inverse;
        }
        return (u, [.. descending.Select(i => sigma[i])]);
    }

    /// <summary>Rotates the columns of X until they are orthogonal; returns their lengths.</summary>
    private static double[] Orthogonalise(ColumnMatrix x)
    {
        var square = new double[x.Columns];
        for (int sweep = 0; sweep < MostSweeps; sweep++)
        {
            for (int j = 0; j < square.Length; j++)
                square[j] = VectorMath.Dot(x[j], x[j]);
            double negligible = Negligible * Negligible * (square.Length > 0 ? square.Max() : 0);
            bool rotated = false;
            for (int p = 0; p < square.Length - 1; p++)
                for (int q = p + 1; q < square.Length; q++)
                    if (square[p] > negligible && square[q] > negligible)
                        rotated |= Rotate(x[p], x[q], ref square[p], ref square[q]);
            if (!rotated)
                return [.. square.Select(Math.Sqrt)];
        }
        throw new FedSpineException($"the singular value decomposition of a {x.Rows} x {x.Columns} core did not converge in {MostSweeps} sweeps");
    }

    /// <summary>Makes two columns orthogonal and updates their squared lengths; false when they are already.</summary>
    private static bool Rotate(Span<double> x, Span<double> y, ref double xx, ref double yy)
    {
        double xy = VectorMath.Dot(x, y);
        if (Math.Abs(xy) <= Orthogonal * Math.Sqrt(xx) * Math.Sqrt(yy))
            return false;
        double zeta = (yy - xx) / (2 * xy);
        double t = (zeta >= 0 ? 1 : -1) / (Math.Abs(zeta) + Math.Sqrt(1 + zeta * zeta));
        double c = 1 / Math.Sqrt(1 + t * t), s = t * c;
        VectorMath.Rotate(x, y, c, s);
        xx = Math.Max(0, xx - t * xy);
        yy = Math.Max(0, yy + t * xy);
        return true;
    }
}
