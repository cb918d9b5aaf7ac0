using System.Diagnostics;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Profiling;

/// <summary>What a backend reaches at best, measured: the ceiling that operators are compared with.</summary>
/// <param name="FlopsPerSecond">Of a square float32 product of 1024.</param>
/// <param name="BytesPerSecond">Read and written by a copy of 64 MiB.</param>
public readonly record struct MachinePeak(double FlopsPerSecond, double BytesPerSecond)
{
    private const int Size = 1024, CopyLength = 16 << 20, Rounds = 5;

    /// <summary>The best of five rounds, after one to warm up: about a second, 140 MB.</summary>
    public static MachinePeak Measure(IComputeBackend backend)
    {
        using var arena = backend.Allocate(2L * CopyLength * sizeof(float));
        DeviceSpan<float> At(int index, int length) => new(arena, (long)index * length * sizeof(float), length);
        var (c, a, b) = (At(0, Size * Size), At(1, Size * Size), At(2, Size * Size));
        var (to, from) = (At(0, CopyLength), At(1, CopyLength));
        backend.Fill(a, 1);
        backend.Fill(b, 1);
        var shape = new MatMulShape(MatMulLayout.NN, Size, Size, Size);
        double product = Best(backend, () => backend.MatMul(c, a, b, shape)), copy = Best(backend, () => backend.Copy(to, from));
        return new MachinePeak(shape.Flops / product, 2.0 * CopyLength * sizeof(float) / copy);
    }

    private static double Best(IComputeBackend backend, Action run)
    {
        double best = double.PositiveInfinity;
        for (int round = -1; round < Rounds; round++)
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
