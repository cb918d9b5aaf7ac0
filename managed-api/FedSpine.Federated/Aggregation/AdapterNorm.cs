using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>Size of an adapter's product, through the small Gram matrices of its factors.</summary>
public static class AdapterNorm
{
    /// <summary>|| Scale * B A ||_F.</summary>
    public static double Frobenius(AdapterModule module)
    {
        ColumnMatrix b = new(module.RowCount, module.Rank), a = new(module.ColumnCount, module.Rank);
        for (int c = 0; c < module.Rank; c++)
        {
            for (int i = 0; i < b.Rows; i++)
                b[c][i] = module.B[i * module.Rank + c];
            for (int j = 0; j < a.Rows; j++)
                a[c][j] = module.A[c * a.Rows + j];
        }
        return Math.Abs(module.Scale) * FactorAveraging.ProductNorm(b, a);
    }

    /// <summary>The same over all modules: the root of the sum of squares.</summary>
    public static double Frobenius(AdapterState state)
    {
        double square = 0;
        foreach (AdapterModule module in state.Modules)
            square += Math.Pow(Frobenius(module), 2);
        return Math.Sqrt(square);
    }
}
