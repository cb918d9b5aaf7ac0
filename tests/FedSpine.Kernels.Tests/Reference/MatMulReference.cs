namespace FedSpine.Kernels.Tests.Reference;

/// <summary>Matrix products, written for reading.</summary>
public static class MatMulReference
{
    /// <summary>C = alpha op(A) op(B) (+ C when accumulating), with the strides of the shape.</summary>
    public static void MatMul(double[] c, double[] a, double[] b, in MatMulShape s, double alpha = 1, bool accumulate = false)
    {
        for (int batch = 0; batch < s.Batch; batch++)
        {
            for (int m = 0; m < s.M; m++)
            {
                for (int n = 0; n < s.N; n++)
                {
                    double sum = 0;
                    for (int k = 0; k < s.K; k++)
                    {
                        long i = s.Layout == MatMulLayout.TN ? (long)k * s.StrideA + m : (long)m * s.StrideA + k;
                        long j = s.Layout == MatMulLayout.NT ? (long)n * s.StrideB + k : (long)k * s.StrideB + n;
                        sum += a[batch * s.BatchStrideA + i] * b[batch * s.BatchStrideB + j];
                    }

                    ref double y = ref c[batch * s.BatchStrideC + (long)m * s.StrideC + n];
                    y = alpha * sum + (accumulate ? y : 0);
                }
            }
        }
    }

    /// <summary>A B for contiguous matrices, A (M, K), B (K, N).</summary>
    public static double[] Product(double[] a, double[] b, int M, int N, int K)
    {
        var c = new double[M * N];
        MatMul(c, a, b, new MatMulShape(MatMulLayout.NN, M, N, K));
        return c;
    }

    /// <summary>x^T for x (M, N).</summary>
    public static double[] Transpose(double[] x, int M, int N)
    {
        var y = new double[x.Length];
        for (int m = 0; m < M; m++)
        {
            for (int n = 0; n < N; n++)
                y[n * M + m] = x[m * N + n];
        }

        return y;
    }
}
