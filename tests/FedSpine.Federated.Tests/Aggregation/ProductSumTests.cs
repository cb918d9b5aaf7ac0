using FedSpine.Engine;
using FedSpine.Federated.Aggregation;

namespace FedSpine.Federated.Tests.Aggregation;

public class ProductSumTests
{
    [Theory]
    [InlineData(7, 5, 3)]   // stacks
    [InlineData(7, 5, 5)]
    [InlineData(7, 5, 6)]   // dense, and nothing left over
    [InlineData(7, 5, 40)]  // dense several times, and some left over
    [InlineData(5, 7, 40)]
    [InlineData(6, 6, 25)]
    public void The_sum_is_that_of_the_products(int rows, int columns, int count)
    {
        var expected = new double[rows, columns];
        ProductSum forNorm = new(rows, columns), forFactor = new(rows, columns);
        var random = new DeterministicRandom(4);
        for (int k = 0; k < count; k++)
        {
            double[] l = [.. Enumerable.Range(0, rows).Select(_ => random.NextGaussian())], r = [.. Enumerable.Range(0, columns).Select(_ => random.NextGaussian())];
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++)
                    expected[i, j] += l[i] * r[j];
            forNorm.Add([.. l], [.. r]);
            forFactor.Add([.. l], [.. r]);
        }

        double norm = Math.Sqrt(expected.Cast<double>().Sum(x => x * x));
        Assert.Equal(norm, forNorm.Norm(), 1e-10 * norm);
        var factors = forFactor.Factor(int.MaxValue);
        Assert.Equal(Math.Min(count, Math.Min(rows, columns)), factors.Sigma.Length);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
                Assert.Equal(expected[i, j], Enumerable.Range(0, factors.Sigma.Length).Sum(k => factors.U[k][i] * factors.Sigma[k] * factors.V[k][j]), 1e-9 * norm);
        }
    }
}
