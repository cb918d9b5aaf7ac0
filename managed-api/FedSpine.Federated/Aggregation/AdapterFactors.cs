using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>Between adapter modules (float32, B row by row) and the matrices the server computes with.</summary>
internal static class AdapterFactors
{
    /// <summary>Norm of a row of a fresh adapter's A: PEFT draws its elements with variance 1 / (3 in).</summary>
    private static readonly double FreshNorm = 1 / Math.Sqrt(3);

    /// <summary>B (rows, n) and A^T (columns, n) of a global module, restricted to a device's rows and columns, scale folded in.</summary>
    public static (ColumnMatrix B, ColumnMatrix A) Restrict(AdapterModule global, int[]? rows, int[]? columns)
    {
        var b = new ColumnMatrix(rows?.Length ?? global.BaseRows, global.Rank);
        var a = new ColumnMatrix(columns?.Length ?? global.BaseColumns, global.Rank);
        double share = Math.Sqrt(global.Scale);
        for (int c = 0; c < global.Rank; c++)
        {
            for (int i = 0; i < b.Rows; i++)
                b[c][i] = share * global.B[(rows?[i] ?? i) * global.Rank + c];
            for (int j = 0; j < a.Rows; j++)
                a[c][j] = share * global.A[c * global.BaseColumns + (columns?[j] ?? j)];
        }
        return (b, a);
    }

    /// <summary>A global module of B (Out, r) and A^T (In, r): all rows and columns, scale 1.</summary>
    public static AdapterModule Global(ModuleContributions contributions, ColumnMatrix b, ColumnMatrix a) =>
        Module(new AdapterShape(contributions.Module, 1, contributions.Out, contributions.In, null, null), b, a);

    /// <summary>A global module with balanced factors, U sqrt(Sigma) and sqrt(Sigma) V^T. A product of nothing but zeros has rank 1.</summary>
    public static AdapterModule Balanced(ModuleContributions contributions, LowRank product)
    {
        int rank = Math.Max(1, product.Sigma.Length);
        ColumnMatrix b = new(contributions.Out, rank), a = new(contributions.In, rank);
        for (int c = 0; c < product.Sigma.Length; c++)
        {
            double root = Math.Sqrt(product.Sigma[c]);
            VectorMath.AddScaled(b[c], root, product.U[c]);
            VectorMath.AddScaled(a[c], root, product.V[c]);
        }
        return Global(contributions, b, a);
    }

    /// <summary>
    /// A device's module of exactly <paramref name="rank"/> with Scale * B A = U Sigma V^T. Factors are balanced, but no row of A is
    /// shorter than in a fresh adapter, so that B, whose gradient passes through A, learns as fast as there; B's column takes up the
    /// difference. Components beyond the product's rank are its limit: a random row of A, orthogonal to the others, and zeros in B.
    /// </summary>
    public static AdapterModule Trainable(AdapterShape shape, LowRank product, int rank)
    {
        ColumnMatrix b = new(product.U.Rows, rank), a = new(product.V.Rows, rank);
        for (int c = 0; c < Math.Min(rank, product.Sigma.Length); c++)
        {
            double sigma = product.Sigma[c] / shape.Scale, norm = Math.Max(Math.Sqrt(sigma), FreshNorm);
            VectorMath.AddScaled(b[c], sigma / norm, product.U[c]);
            VectorMath.AddScaled(a[c], norm, product.V[c]);
        }
        FreshRows(a, product.Sigma.Length, shape.Module);
        return Module(shape, b, a);
    }

    /// <summary>A device's module from the first <paramref name="rank"/> components of restricted factors, fresh ones beyond them.</summary>
    public static AdapterModule Leading(AdapterShape shape, ColumnMatrix b, ColumnMatrix a, int rank)
    {
        double share = 1 / Math.Sqrt(shape.Scale);
        ColumnMatrix leadingB = new(b.Rows, rank), leadingA = new(a.Rows, rank);
        for (int c = 0; c < Math.Min(rank, b.Columns); c++)
        {
            VectorMath.AddScaled(leadingB[c], share, b[c]);
            VectorMath.AddScaled(leadingA[c], share, a[c]);
        }
        FreshRows(leadingA, b.Columns, shape.Module);
        return Module(shape, leadingB, leadingA);
    }

    private static AdapterModule Module(AdapterShape shape, ColumnMatrix b, ColumnMatrix a)
    {
        int rank = b.Columns;
        float[] flatB = new float[b.Rows * rank], flatA = new float[rank * a.Rows];
        for (int c = 0; c < rank; c++)
        {
            for (int i = 0; i < b.Rows; i++)
                flatB[i * rank + c] = (float)b[c][i];
            for (int j = 0; j < a.Rows; j++)
                flatA[c * a.Rows + j] = (float)a[c][j];
        }
        return new AdapterModule(shape.Module, rank, shape.Scale, shape.BaseRows, shape.BaseColumns, shape.Rows, shape.Columns, flatB, flatA);
    }

    /// <summary>Fills the rows of A (columns of its transpose) from <paramref name="first"/> on: random, orthogonal to all before.</summary>
    private static void FreshRows(ColumnMatrix a, int first, string module)
    {
        for (int c = first; c < a.Columns; c++)
        {
            var random = new DeterministicRandom(Fnv1a(module), (ulong)c);
            Span<double> row = a[c];
            for (int j = 0; j < row.Length; j++)
                row[j] = random.NextGaussian();
            VectorMath.Scale(row, 1 / Math.Sqrt(VectorMath.Dot(row, row)));
            // More rows than columns cannot all be orthogonal: the surplus stays random. Twice, as one pass leaves rounding.
            for (int pass = 0; pass < 2 && c < row.Length; pass++)
                for (int other = 0; other < c; other++)
                    if (VectorMath.Dot(a[other], a[other]) is > 0 and var square)
                        VectorMath.AddScaled(row, -VectorMath.Dot(row, a[other]) / square, a[other]);
            VectorMath.Scale(row, FreshNorm / Math.Sqrt(VectorMath.Dot(row, row)));
        }
    }

    /// <summary>A seed from a name, the same on every machine.</summary>
    private static ulong Fnv1a(string text)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in text)
            hash = (hash ^ c) * 0x100000001B3;
        return hash;
    }
}
