using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Host;

namespace FedSpine.Bench.Measuring;

/// <summary>Sums a block of memory with as many threads as a backend has, in the machine's widest vectors: the most that can be read in a second.</summary>
internal sealed unsafe class MemoryReader(long bytes, int threads) : IDisposable
{
    private readonly long _vectors = bytes / 64 / (16 * threads) * 16 * threads;
    private readonly float* _block = Allocate(bytes);

    public long Bytes => bytes;

    public float Total { get; private set; }

    public void Read()
    {
        var sums = new float[threads];
        var others = Enumerable.Range(1, threads - 1).Select(t => new Thread(() => sums[t] = Sum(t))).ToArray();
        Array.ForEach(others, t => t.Start());
        sums[0] = Sum(0);
        Array.ForEach(others, t => t.Join());
        Total += sums.Sum();
    }

    public void Dispose() => NativeMemory.AlignedFree(_block);

    private static float* Allocate(long bytes)
    {
        var block = (float*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        NativeMemory.Fill(block, (nuint)bytes, 1); // touched: pages that are not there cost nothing to read
        return block;
    }

    private float Sum(int thread) =>
        HostIsaSupport.IsSupported(HostIsa.Vector512) ? Sum<Simd512, Vector512<float>>(thread) : Sum<Simd256, Vector256<float>>(thread);

    /// <summary>Four runs at a time, as far apart as rows of a weight: more streams for the prefetcher than one.</summary>
    private float Sum<TSimd, TVector>(int thread) where TSimd : struct, ISimd<TVector> where TVector : unmanaged
    {
        long count = _vectors / threads / 4 * 16;
        float* p0 = _block + thread * count * 4;
        float* p1 = p0 + count, p2 = p1 + count, p3 = p2 + count;
        TVector s0 = TSimd.Zero, s1 = s0, s2 = s0, s3 = s0;
        for (long i = 0; i < count; i += TSimd.Width)
        {
            s0 = TSimd.Add(s0, TSimd.Load(p0 + i));
            s1 = TSimd.Add(s1, TSimd.Load(p1 + i));
            s2 = TSimd.Add(s2, TSimd.Load(p2 + i));
            s3 = TSimd.Add(s3, TSimd.Load(p3 + i));
        }

        return TSimd.Sum(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3)));
    }
}
