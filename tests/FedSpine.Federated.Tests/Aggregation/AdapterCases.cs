using CsCheck;
using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;

namespace FedSpine.Federated.Tests.Aggregation;

/// <summary>Random adapters, and the dense float64 arithmetic that the low-rank server must agree with.</summary>
internal static class AdapterCases
{
    /// <summary>Which axis of a module the devices have pruned: q, k, v, gate, up lose rows; o, down lose columns.</summary>
    public enum Axis
    {
        None,
        Rows,
        Columns,
    }

    public sealed record Round(int Out, int In, Axis Axis, AdapterModule[] Modules, double[] Weights)
    {
        public AdapterUpdate[] Updates => [.. Modules.Select((m, k) => new AdapterUpdate(k, Weights[k], State(m)))];

        public override string ToString() =>
            $"{Out}x{In} cut on {Axis}: " + string.Join("; ", Modules.Select((m, k) => $"rank {m.Rank} of {m.RowCount}x{m.ColumnCount}, weight {Weights[k]:F2}"));
    }

    /// <summary>A round of 1 to 5 devices; with <paramref name="covered"/> every row and column is held by one of them.</summary>
    public static Gen<Round> Rounds(bool covered, bool oneRank = false) =>
        from rows in Gen.Int[1, 24]
        from columns in Gen.Int[1, 24]
        from axis in Gen.Int[0, 2]
        from devices in Gen.Int[1, 5]
        from seed in Gen.ULong
        select Make(rows, columns, (Axis)axis, devices, covered, oneRank, seed);

    public static Round Make(int rows, int columns, Axis axis, int devices, bool covered, bool oneRank, ulong seed)
    {
        var random = new DeterministicRandom(seed);
        int common = 1 + random.NextInt(8);
        var modules = new AdapterModule[devices];
        for (int k = 0; k < devices; k++)
        {
            bool whole = k == 0 && covered || random.NextInt(4) == 0;
            modules[k] = Module(
                rows, columns, oneRank ? common : 1 + random.NextInt(8), 0.25f + (float)random.NextDouble(),
                axis == Axis.Rows && !whole ? Kept(rows, random) : null, axis == Axis.Columns && !whole ? Kept(columns, random) : null, random);
        }
        return new Round(rows, columns, axis, modules, [.. modules.Select(_ => 1 + 9 * random.NextDouble())]);
    }

    public static AdapterModule Module(int rows, int columns, int rank, float scale, int[]? keptRows, int[]? keptColumns, DeterministicRandom random) => new(
        "layer.0.query", rank, scale, rows, columns, keptRows, keptColumns,
        Gaussian((keptRows?.Length ?? rows) * rank, random), Gaussian(rank * (keptColumns?.Length ?? columns), random));

    public static int[] Kept(int length, DeterministicRandom random)
    {
        int[] kept = [.. Enumerable.Range(0, length).Where(_ => random.NextInt(3) > 0)];
        return kept.Length > 0 ? kept : [random.NextInt(length)];
    }

    public static AdapterState State(params AdapterModule[] modules) => new(modules, new Dictionary<string, float[]>());

    public static AdapterShape Shape(AdapterModule m) => new(m.Module, m.Scale, m.BaseRows, m.BaseColumns, m.Rows, m.Columns);

    /// <summary>Scale * B A in base coordinates, (BaseRows, BaseColumns), zero where the module holds nothing.</summary>
    public static double[,] Dense(AdapterModule m)
    {
        var dense = new double[m.BaseRows, m.BaseColumns];
        for (int i = 0; i < m.RowCount; i++)
            for (int j = 0; j < m.ColumnCount; j++)
                for (int c = 0; c < m.Rank; c++)
                    dense[m.Rows?[i] ?? i, m.Columns?[j] ?? j] += (double)m.Scale * m.B[i * m.Rank + c] * m.A[c * m.ColumnCount + j];
        return dense;
    }

    /// <summary>The target, element by element: the weighted mean over the devices that hold it, else the previous value.</summary>
    public static double[,] Target(Round round, double[,]? previous = null)
    {
        double[][,] dense = [.. round.Modules.Select(Dense)];
        return Build(round.Out, round.In, (i, j) =>
        {
            double sum = 0, weight = 0;
            for (int k = 0; k < dense.Length; k++)
            {
                AdapterModule m = round.Modules[k];
                if (m.Rows?.Contains(i) == false || m.Columns?.Contains(j) == false)
                    continue;
                sum += round.Weights[k] * dense[k][i, j];
                weight += round.Weights[k];
            }
            return weight > 0 ? sum / weight : previous?[i, j] ?? 0;
        });
    }

    /// <summary>The rows and columns of <paramref name="x"/> that a shape holds.</summary>
    public static double[,] Restrict(double[,] x, AdapterShape shape) => Build(
        x.GetLength(0), x.GetLength(1), (i, j) => shape.Rows?.Contains(i) != false && shape.Columns?.Contains(j) != false ? x[i, j] : 0);

    public static double[,] Build(int rows, int columns, Func<int, int, double> element)
    {
        var x = new double[rows, columns];
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                x[i, j] = element(i, j);
        return x;
    }

    public static double Norm(double[,] x) => Math.Sqrt(x.Cast<double>().Sum(v => v * v));

    public static double Distance(double[,] x, double[,] y) => Norm(Build(x.GetLength(0), x.GetLength(1), (i, j) => x[i, j] - y[i, j]));

    public static void Close(double[,] expected, double[,] actual, double relative)
    {
        double distance = Distance(expected, actual), norm = Norm(expected);
        Assert.True(distance <= relative * norm + 1e-12, $"off by {distance:E2}, norm {norm:E2}");
    }

    /// <summary>Singular values, descending, by cyclic Jacobi on the Gram matrix: slow, short and independent of the server's.</summary>
    public static double[] SingularValues(double[,] x)
    {
        int n = x.GetLength(1);
        double[,] g = Build(n, n, (i, j) => Enumerable.Range(0, x.GetLength(0)).Sum(k => x[k, i] * x[k, j]));
        for (int sweep = 0; sweep < 60; sweep++)
        {
            for (int p = 0; p < n; p++)
            {
                for (int q = p + 1; q < n; q++)
                {
                    double angle = 0.5 * Math.Atan2(2 * g[p, q], g[q, q] - g[p, p]), c = Math.Cos(angle), s = Math.Sin(angle);
                    for (int k = 0; k < n; k++)
                        (g[k, p], g[k, q]) = (c * g[k, p] - s * g[k, q], s * g[k, p] + c * g[k, q]);
                    for (int k = 0; k < n; k++)
                        (g[p, k], g[q, k]) = (c * g[p, k] - s * g[q, k], s * g[p, k] + c * g[q, k]);
                }
            }
        }
        return [.. Enumerable.Range(0, n).Select(i => Math.Sqrt(Math.Max(0, g[i, i]))).OrderDescending()];
    }

    private static float[] Gaussian(int length, DeterministicRandom random)
    {
        var values = new float[length];
        for (int i = 0; i < length; i++)
            values[i] = (float)random.NextGaussian();
        return values;
    }
}
