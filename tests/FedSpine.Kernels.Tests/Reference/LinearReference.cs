using static FedSpine.Kernels.Tests.Reference.MatMulReference;

namespace FedSpine.Kernels.Tests.Reference;

/// <summary>A linear layer with a low-rank adapter: y = x W^T + bias + s (x A^T) B^T.</summary>
public sealed class LinearReference(int rows, int In, int Out, int rank, double scale)
{
    public required double[] X { get; init; }      // (rows, In)
    public required double[] W { get; init; }      // (Out, In)
    public required double[]? Bias { get; init; }  // (Out)
    public required double[] A { get; init; }      // (rank, In)
    public required double[] B { get; init; }      // (Out, rank)

    /// <summary>x A^T (rows, rank).</summary>
    public double[] XA() => Product(X, Transpose(A, rank, In), rows, rank, In);

    /// <summary>y (rows, Out).</summary>
    public double[] Forward()
    {
        var y = Product(X, Transpose(W, Out, In), rows, Out, In);
        var low = Product(XA(), Transpose(B, Out, rank), rows, Out, rank);
        for (int i = 0; i < y.Length; i++)
            y[i] += (Bias?[i % Out] ?? 0) + scale * low[i];
        return y;
    }

    /// <summary>dx (rows, In) = dy W + s (dy B) A.</summary>
    public double[] DX(double[] dy)
    {
        var dx = Product(dy, W, rows, In, Out);
        var low = Product(DYB(dy), A, rows, In, rank);
        for (int i = 0; i < dx.Length; i++)
            dx[i] += scale * low[i];
        return dx;
    }

    /// <summary>dA (rank, In) = s (dy B)^T x.</summary>
    public double[] DA(double[] dy) => Scaled(Product(Transpose(DYB(dy), rows, rank), X, rank, In, rows));

    /// <summary>dB (Out, rank) = s dy^T (x A^T).</summary>
    public double[] DB(double[] dy) => Scaled(Product(Transpose(dy, rows, Out), XA(), Out, rank, rows));

    /// <summary>dW (Out, In) = dy^T x.</summary>
    public double[] DW(double[] dy) => Product(Transpose(dy, rows, Out), X, Out, In, rows);

    /// <summary>dbias (Out) = column sums of dy.</summary>
    public double[] DBias(double[] dy)
    {
        var sums = new double[Out];
        for (int i = 0; i < dy.Length; i++)
            sums[i % Out] += dy[i];
        return sums;
    }

    private double[] DYB(double[] dy) => Product(dy, B, rows, rank, Out);

    private double[] Scaled(double[] x) => Array.ConvertAll(x, v => scale * v);
}
