namespace FedSpine.Federated.Aggregation;

/// <summary>
/// X = Q R by Householder reflections (Golub and Van Loan, 5.2): X (m, n), Q (m, k) with orthonormal columns, R (k, n) upper
/// triangular or trapezoidal, k = min(m, n). Q stays a product of reflections I - tau v v^T; it is applied, never formed.
/// </summary>
internal sealed class HouseholderQr
{
    private readonly ColumnMatrix _reflected;   // (m, n): R on and above the diagonal, v below it with v_j = 1 left out
    private readonly double[] _tau;             // (k)

    /// <summary>Factors <paramref name="x"/> in place.</summary>
    public HouseholderQr(ColumnMatrix x)
    {
        _reflected = x;
        _tau = new double[Math.Min(x.Rows, x.Columns)];
        // One column at a time meets all earlier reflections: it stays in the first cache level while they stream by.
        for (int j = 0; j < x.Columns; j++)
        {
            Span<double> column = x[j];
            for (int i = 0; i < Math.Min(j, _tau.Length); i++)
                Reflect(i, column);
            if (j < _tau.Length)
                _tau[j] = MakeReflection(column[j..]);
        }
    }

    /// <summary>R (k, n).</summary>
    public ColumnMatrix R()
    {
        var r = new ColumnMatrix(_tau.Length, _reflected.Columns);
        for (int j = 0; j < r.Columns; j++)
        {
            int height = Math.Min(j + 1, r.Rows);
            _reflected[j][..height].CopyTo(r[j]);
        }
        return r;
    }

    /// <summary>A column is, to <paramref name="drop"/> of the longest pivot, a combination of those before it; or there are more columns than rows.</summary>
    public bool IsDependent(double drop)
    {
        double longest = 0, shortest = double.PositiveInfinity;
        for (int j = 0; j < _tau.Length; j++)
        {
            longest = Math.Max(longest, Math.Abs(_reflected[j][j]));
            shortest = Math.Min(shortest, Math.Abs(_reflected[j][j]));
        }
        return _reflected.Columns > _reflected.Rows || shortest <= drop * longest;
    }

    /// <summary>Q X (m, columns) of X (k, columns).</summary>
    public ColumnMatrix ApplyQ(ColumnMatrix x)
    {
        var product = new ColumnMatrix(_reflected.Rows, x.Columns);
        for (int j = 0; j < x.Columns; j++)
        {
            Span<double> column = product[j];
            x[j].CopyTo(column);
            for (int i = _tau.Length - 1; i >= 0; i--)
                Reflect(i, column);
        }
        return product;
    }

    private void Reflect(int i, Span<double> column)
    {
        if (_tau[i] == 0)
            return;
        ReadOnlySpan<double> v = _reflected[i][(i + 1)..];
        Span<double> below = column[(i + 1)..];
        double w = _tau[i] * (column[i] + VectorMath.Dot(v, below));
        column[i] -= w;
        VectorMath.AddScaled(below, -w, v);
    }

    /// <summary>Maps x to (beta, 0, ...), leaving beta and v in its place; 0 when there is nothing to do.</summary>
    private static double MakeReflection(Span<double> x)
    {
        Span<double> below = x[1..];
        double tail = VectorMath.Dot(below, below);
        if (tail == 0)
            return 0;
        double alpha = x[0], beta = -Math.CopySign(Math.Sqrt(alpha * alpha + tail), alpha);
        VectorMath.Scale(below, 1 / (alpha - beta));
        x[0] = beta;
        return (beta - alpha) / beta;
    }
}
