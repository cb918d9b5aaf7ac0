using System.Diagnostics;
using System.Runtime.InteropServices;
using FedSpine.Kernels;

namespace FedSpine.Bench.Measuring;

/// <summary>OpenBLAS's rate on a product of 1536^3, where it is at its best: what a machine can do.</summary>
internal sealed unsafe class OpenBlasRate : IDisposable
{
    private const int Size = 1536, Products = 8;

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

    /// <summary>
    /// GFLOP/s of the fastest of a few products, and of all together: a step is long enough to average over what else a machine does, the
    /// fastest product is not. Returns when its idle threads have stopped spinning; the caller's core stays busy
    /// meanwhile, since a hypervisor puts cores that have slept onto the two threads of one.
    /// </summary>
    public (double Best, double Mean) Gflops()
    {
        double least = double.PositiveInfinity, sum = 0;
        for (int i = 0; i < Products; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Product();
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            least = Math.Min(least, seconds);
            sum += seconds;
        }

        for (long end = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(end) < OpenBlas.SpinsFor;)
            Thread.SpinWait(100);
        return (s_shape.Flops / least / 1e9, s_shape.Flops * Products / sum / 1e9);
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private void Product() => _blas.MatMul(_memory, _memory + Size * Size, _memory + 2 * Size * Size, s_shape);
}
