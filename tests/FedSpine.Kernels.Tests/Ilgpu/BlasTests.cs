using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>What is asked of cuBLAS, against a column-major product written as BLAS documents it; the library itself only where it is.</summary>
[Collection(nameof(Accelerators))]
public sealed class BlasTests
{
    [Fact]
    public void ProductsAreAskedForAsColumnMajor()
    {
        var context = Context.Create(builder => IlgpuDevices.ForKernels(builder.DefaultCPU()));
        using var backend = new IlgpuBackend(context, context.Devices[0]);
        int calls = 0;
        backend.UseGemm((transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) =>
        {
            calls++;
            backend.Synchronize();
            Gemm(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        });
        foreach (var operatorCase in new MatMulSuite().Cases.Concat(new LinearSuite().Cases.Where((_, i) => i % 3 == 0)))
            operatorCase.Check(backend);
        Assert.True(calls > 100);
        calls = 0;
        new LinearForwardCase(7, 33, 5, 2, true, WeightType.BF16).Check(backend);
        Assert.Equal(1, calls); // x A^T; the weight itself is not float32
        Assert.EndsWith("cuBLAS products", backend.Name);
    }

    [Fact]
    public void OnCudaItAgreesOrSaysThatItIsMissing()
    {
        var portable = Accelerators.Open("cuda");
        try
        {
            var backend = Accelerators.Open("cuda", new IlgpuOptions { Blas = true });
            foreach (var operatorCase in new MatMulSuite().Cases.Concat(new LinearSuite().Cases))
                operatorCase.Check(backend);
        }
        catch (ArgumentException missing)
        {
            Assert.Contains("--blas", missing.Message);
            Assert.Skip($"{portable.Name}: {missing.Message}");
        }
    }

    /// <summary>C = alpha op(A) op(B) + beta C; leading dimensions as BLAS demands them.</summary>
    private static void Gemm(bool transposeA, bool transposeB, int m, int n, int k, float alpha, ArrayView<float> a, int lda, ArrayView<float> b, int ldb,
        float beta, ArrayView<float> c, int ldc)
    {
        Assert.True(lda >= Math.Max(1, transposeA ? k : m) && ldb >= Math.Max(1, transposeB ? n : k) && ldc >= Math.Max(1, m), $"{m} x {n} x {k}: {lda}, {ldb}, {ldc}");
        float[] A = Host(a), B = Host(b), C = Host(c);
        for (int j = 0; j < n; j++)
        {
            for (int i = 0; i < m; i++)
            {
                float sum = 0;
                for (int p = 0; p < k; p++)
                    sum += (transposeA ? A[p + i * lda] : A[i + p * lda]) * (transposeB ? B[j + p * ldb] : B[p + j * ldb]);
                C[i + j * ldc] = beta == 0 ? alpha * sum : alpha * sum + beta * C[i + j * ldc];
            }
        }

        c.CopyFromCPU(C);
    }

    private static float[] Host(ArrayView<float> view)
    {
        var values = new float[view.Length];
        view.CopyToCPU(values);
        return values;
    }
}
