using System.Diagnostics;
using System.Runtime.InteropServices;
using FedSpine.Kernels;

namespace FedSpine.Bench.Measuring;

/// <summary>OpenBLAS's rate on a product of 1536^3, where it is at its best: what a machine can do.</summary>
internal sealed unsafe class OpenBlasRate : IDisposable
{
    private const int Size = 1536, Products = 4;

    private static readonly MatMulShape s_shape = new(MatMulLayout.NN, Size, Size, Size);

    private readonly OpenBlas _blas;
    private readonly float* _memory;

    public OpenBlasRate(OpenBlas blas, int threads)
    {
        _blas = blas;
        blas.SetThreads(threads);
        _memory = (float*)NativeMemory.AlignedAlloc(3 * Size * Size * sizeof(float), 64);
        for (int i = 0; i < 3 * Size * Size; i++)
            _memory[i] = (i % 13 - 6) / 8f;
    }

    /// <summary>GFLOP/s over a few products, after one that is not timed. Returns when its idle threads have stopped spinning.</summary>
    public double Gflops()
    {
        Product();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Products; i++)
            Product();
        double rate = s_shape.Flops * Products / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
        Thread.Sleep(OpenBlas.SpinsFor);
        return rate;
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private void Product() => _blas.MatMul(_memory, _memory + Size * Size, _memory + 2 * Size * Size, s_shape);
}
