using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>
    /// BLAS's product on column-major matrices: C (m, n) = alpha op(A) op(B) + beta C, op(A) (m, k), op(B) (k, n); ld: elements from column
    /// to column.
    /// </summary>
    internal delegate void ColumnMajorGemm(bool transposeA, bool transposeB, int m, int n, int k, float alpha, FloatView a, int lda, FloatView b, int ldb,
        float beta, FloatView c, int ldc);

    private ColumnMajorGemm? _gemm;
    private IDisposable? _blas;

    private Action<KernelConfig, FloatView, FloatView, int, int> BiasRowsLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, int, int>(BiasRowsKernel));

    /// <summary>Float32 products through cuBLAS from here on.</summary>
    /// <exception cref="ArgumentException">It does not load: the message says what was tried.</exception>
    internal void UseBlas()
    {
        try
        {
            var blas = new CuBlas((CudaAccelerator)_accelerator);
            _blas = blas;
            UseGemm((transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) => blas.Gemm(
                transposeA ? CuBlasOperation.Transpose : CuBlasOperation.NonTranspose, transposeB ? CuBlasOperation.Transpose : CuBlasOperation.NonTranspose,
                m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
        }
        catch (Exception refused) when (refused is DllNotFoundException or EntryPointNotFoundException or CuBlasException)
        {
            throw new ArgumentException($"cuBLAS cannot be used ({refused.Message.ReplaceLineEndings(" ")}): install its library, version 10, 11 or 12, or leave out --blas", refused);
        }
    }

    internal void UseGemm(ColumnMajorGemm gemm) => _gemm = gemm;

    /// <summary>
    /// Row-major C = A B is column-major C^T = B^T A^T: the operands change places. Bias first, then the product on top of it, then the tail.
    /// </summary>
    private void MultiplyBlas(FloatView c, FloatView a, DeviceWeight b, DeviceSpan<float> tailA, DeviceSpan<float> tailB, DeviceSpan<float> bias,
        in MatMulArguments p, int batch)
    {
        bool transposeA = p.ColumnA != 1, transposeB = p.TransposedB != 0;
        int strideA = transposeA ? p.ColumnA : Math.Max(p.RowA, p.K); // a single row may have been given any stride
        float beta = p.Accumulate != 0 || p.HasBias != 0 ? 1 : 0;
        if (p.HasBias != 0)
            BiasRowsLauncher(Elements(checked(p.M * p.N)), c, View(bias), p.M * p.N, p.N); // only linear layers have one: rows lie together, nothing is accumulated
        for (int i = 0; i < batch; i++)
        {
            _gemm!(transposeB, transposeA, p.N, p.M, p.K, p.Alpha, b.Floats.SubView((long)i * p.BatchB), Math.Max(b.RowStride, 1),
                a.SubView((long)i * p.BatchA), Math.Max(strideA, 1), beta, c.SubView((long)i * p.BatchC), p.RowC);
        }

        if (p.TailK > 0)
        {
            bool transposeTail = p.TailRowB == 1;
            _gemm!(transposeTail, false, p.N, p.M, p.TailK, p.Alpha * p.TailScale, View(tailB), transposeTail ? p.TailColumnB : p.TailRowB,
                View(tailA), p.TailK, 1, c, p.RowC);
        }
    }

    /// <summary>y[i, n] = bias[n].</summary>
    private static void BiasRowsKernel(FloatView y, FloatView bias, int length, int N)
    {
        int i = Grid.GlobalLinearIndex;
        if (i < length)
            y[i] = bias[i % N];
    }
}
