using System.Diagnostics;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Profiling;

/// <summary>What a backend reaches at best, measured: the ceiling that operators are compared with.</summary>
/// <param name="FlopsPerSecond">Of a square float32 product of <paramref name="ProductSize"/>.</param>
/// <param name="BytesPerSecond">Read and written by a copy of <paramref name="CopyBytes"/> bytes.</param>
public readonly record struct MachinePeak(double FlopsPerSecond, double BytesPerSecond, int ProductSize, long CopyBytes)
{
    private const int LeastSize = 32, MostSize = 4096, LeastCopy = 64 << 10, MostCopy = 256 << 20, Rounds = 5;

    /// <summary>Seconds that a measured call takes at least, unless it is the largest: enough for launches and caches not to count.</summary>
    private const double Enough = 0.004;

    private const double Slow = 0.5;

    /// <summary>The best of five rounds of a product and of a copy that are long enough to measure: under a second on a device that is fit for models.</summary>
    public static MachinePeak Measure(IComputeBackend backend)
    {
        int size = LeastSize / 2, length = LeastCopy / 2 / sizeof(float);
        double product, copy;
        do
            product = Product(backend, size *= 2);
        while (product < Enough && size < MostSize);
        do
            copy = Copy(backend, length *= 2);
        while (copy < Enough && length < MostCopy / sizeof(float));
        long bytes = (long)length * sizeof(float);
        return new MachinePeak(2.0 * size * size * size / product, 2 * bytes / copy, size, bytes);
    }

    private static double Product(IComputeBackend backend, int size)
    {
        using var arena = backend.Allocate(3L * size * size * sizeof(float));
        DeviceSpan<float> At(int index) => new(arena, (long)index * size * size * sizeof(float), size * size);
        backend.Fill(At(1), 1);
        backend.Fill(At(2), 1);
        return Best(backend, () => backend.MatMul(At(0), At(1), At(2), new MatMulShape(MatMulLayout.NN, size, size, size)));
    }

    private static double Copy(IComputeBackend backend, int length)
    {
        using var arena = backend.Allocate(2L * length * sizeof(float));
        DeviceSpan<float> to = new(arena, 0, length), from = new(arena, (long)length * sizeof(float), length);
        backend.Fill(from, 1);
        return Best(backend, () => backend.Copy(to, from));
    }

    /// <summary>One call to warm up, then the quickest: other work on the machine only adds. A slow call is not repeated.</summary>
    private static double Best(IComputeBackend backend, Action run)
    {
        double best = double.PositiveInfinity;
        for (int round = -1; round < Rounds && !(best is > Slow and < double.PositiveInfinity); round++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            backend.Synchronize();
            if (round >= 0)
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }
}
