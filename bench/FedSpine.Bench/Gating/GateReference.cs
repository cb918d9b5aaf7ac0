using System.Numerics;
using System.Runtime.InteropServices;
using FedSpine.Kernels;

namespace FedSpine.Bench.Gating;

/// <summary>
/// What a case is timed beside: something that no change of ours can make faster or slower. A product by OpenBLAS (a plain loop where
/// it is absent), or a copy of memory.
/// </summary>
internal sealed unsafe class GateReference : IDisposable
{
    private readonly float* _memory;

    private GateReference(string name, long floats, Action<nint> run)
    {
        Name = name;
        _memory = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);
        for (long i = 0; i < floats; i++)
            _memory[i] = (i % 13 - 6) / 32f;
        Run = () => run((nint)_memory);
    }

    /// <summary>What it is: ratios to different references do not compare.</summary>
    public string Name { get; }

    public Action Run { get; }

    public static GateReference Product(MatMulShape s, OpenBlas? blas, int threads)
    {
        long c = (long)s.Batch * s.M * s.N, a = (long)s.Batch * s.M * s.K, b = (long)s.Batch * s.K * s.N;
        if (blas is null)
            return new("plain loop", c + a + b, memory => PlainProduct((float*)memory, (float*)memory + c, (float*)memory + c + a, s));
        return new("OpenBLAS", c + a + b, memory =>
        {
            blas.SetThreads(threads);
            blas.MatMul((float*)memory, (float*)memory + c, (float*)memory + c + a, s);
        });
    }

    /// <param name="bytes">Read and written together.</param>
    public static GateReference Copy(long bytes)
    {
        long half = bytes / 2 / sizeof(float);
        return new("copy", 2 * half, memory => NativeMemory.Copy((float*)memory, (float*)memory + half, (nuint)half * sizeof(float)));
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    /// <summary>As many operations as the shape's, whatever its layout, with one thread. Never to be improved.</summary>
    private static void PlainProduct(float* c, float* a, float* b, MatMulShape s)
    {
        int rows = s.Batch * s.M;
        for (int i = 0; i < rows; i++)
        {
            var row = new Span<float>(c + (long)i * s.N, s.N);
            row.Clear();
            for (int k = 0; k < s.K; k++)
                AddScaled(row, a[(long)i * s.K + k], new ReadOnlySpan<float>(b + (long)(i / s.M * s.K + k) * s.N, s.N));
        }
    }

    private static void AddScaled(Span<float> y, float scale, ReadOnlySpan<float> x)
    {
        int i = 0;
        for (; i <= y.Length - Vector<float>.Count; i += Vector<float>.Count)
            (new Vector<float>(y[i..]) + scale * new Vector<float>(x[i..])).CopyTo(y[i..]);
        for (; i < y.Length; i++)
            y[i] += scale * x[i];
    }
}
