using CsCheck;
using FedSpine.Engine;
using FedSpine.Federated.Aggregation;

namespace FedSpine.Federated.Tests.Aggregation;

public class LinearAlgebraTests
{
    [Fact]
    public void QrRebuildsItsMatrixWithOrthonormalQ() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.ULong).Sample(
            (rows, columns, seed) =>
            {
                ColumnMatrix x = Random(rows, columns, seed);
                var qr = new HouseholderQr(Random(rows, columns, seed));
                ColumnMatrix r = qr.R();
                Assert.Equal(Math.Min(rows, columns), r.Rows);
                Close(x, qr.ApplyQ(r), 1e-12);

                var identity = new ColumnMatrix(r.Rows, r.Rows);
                for (int i = 0; i < r.Rows; i++)
                    identity[i][i] = 1;
                Orthonormal(qr.ApplyQ(identity), r.Rows);
            },
            iter: 100);

    [Fact]
    public void SvdOfAProductIsThatOfTheDenseMatrix() =>
        Gen.Select(Gen.Int[1, 16], Gen.Int[1, 16], Gen.Int[1, 20], Gen.ULong).Sample(
            (rows, columns, n, seed) =>
            {
                ColumnMatrix left = Random(rows, n, seed), right = Random(columns, n, seed + 1);
                double[,] dense = AdapterCases.Build(rows, columns, (i, j) => Enumerable.Range(0, n).Sum(c => left[c][i] * right[c][j]));
                LowRank svd = LowRank.Factor(left, right, int.MaxValue);
                Orthonormal(svd.U, svd.Sigma.Length);
                Orthonormal(svd.V, svd.Sigma.Length);
                double[] values = AdapterCases.SingularValues(dense);
                for (int c = 0; c < svd.Sigma.Length; c++)
                    Assert.Equal(values[c], svd.Sigma[c], 1e-6 * values[0]);
                AdapterCases.Close(
                    dense,
                    AdapterCases.Build(rows, columns, (i, j) => Enumerable.Range(0, svd.Sigma.Length).Sum(c => svd.U[c][i] * svd.Sigma[c] * svd.V[c][j])),
                    1e-6);
            },
            iter: 100);

    /// <summary>Singular values from 1 down to 1e-6: relative accuracy where a Gram matrix would have lost the last of them.</summary>
    [Fact]
    public void SmallSingularValuesAreAccurate()
    {
        const int n = 24;
        HouseholderQr u = new(Random(60, n, 1)), v = new(Random(50, n, 2));
        ColumnMatrix scaled = new(n, n), identity = new(n, n);
        for (int i = 0; i < n; i++)
            (scaled[i][i], identity[i][i]) = (Math.Pow(10, -6.0 * i / (n - 1)), 1);
        LowRank svd = LowRank.Factor(u.ApplyQ(scaled), v.ApplyQ(identity), int.MaxValue);
        Assert.Equal(n, svd.Sigma.Length);
        for (int i = 0; i < n; i++)
            Assert.Equal(1, svd.Sigma[i] / scaled[i][i], 1e-8);
    }

    [Fact]
    public void NumericalRankIsFound()
    {
        ColumnMatrix left = Random(30, 12, 3), right = Random(20, 12, 4);
        for (int c = 4; c < 12; c++)
            left[c % 4].CopyTo(left[c]);
        Assert.Equal(4, LowRank.Factor(left, right, int.MaxValue).Sigma.Length);
        Assert.Empty(LowRank.Factor(new ColumnMatrix(30, 5), Random(20, 5, 5), int.MaxValue).Sigma);
    }

    private static ColumnMatrix Random(int rows, int columns, ulong seed)
    {
        var random = new DeterministicRandom(seed);
        var x = new ColumnMatrix(rows, columns);
        for (int j = 0; j < columns; j++)
            for (int i = 0; i < rows; i++)
                x[j][i] = random.NextGaussian();
        return x;
    }

    private static void Close(ColumnMatrix expected, ColumnMatrix actual, double tolerance)
    {
        for (int j = 0; j < expected.Columns; j++)
            for (int i = 0; i < expected.Rows; i++)
                Assert.Equal(expected[j][i], actual[j][i], tolerance * Math.Sqrt(expected.Rows * expected.Columns));
    }

    private static void Orthonormal(ColumnMatrix x, int columns)
    {
        Assert.Equal(columns, x.Columns);
        for (int p = 0; p < columns; p++)
            for (int q = 0; q <= p; q++)
                Assert.Equal(p == q ? 1 : 0, VectorMath.Dot(x[p], x[q]), 1e-7);
    }
}
