using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void CacheAppend(DeviceSpan<float> cache, DeviceSpan<float> x, DeviceSpan<int> positions, int T, in CacheShape shape)
    {
        RequireCache(cache, positions, T, shape);
        RequireLength(x, (long)shape.B * T * shape.KeyValueHeads * shape.HeadSize);
        var body = new CacheAppendBody { Cache = Pointer(cache), X = Pointer(x), Positions = Pointer(positions), T = T, Shape = shape };
        ForRows(shape.B * T, (long)shape.KeyValueHeads * shape.HeadSize, ref body);
    }

    /// <summary>The cache has the shape's size, and T tokens from positions[b] on fit into it.</summary>
    private static void RequireCache(DeviceSpan<float> cache, DeviceSpan<int> positions, int T, in CacheShape shape)
    {
        if (shape.B < 0 || T < 0 || shape.HeadSize < 1 || shape.KeyValueHeads < 1 || shape.QueryHeads % shape.KeyValueHeads != 0)
            throw new ArgumentException($"a cache of {shape.B} sequences, {T} new tokens, {shape.QueryHeads} query heads on {shape.KeyValueHeads} key-value heads of size {shape.HeadSize}");
        RequireLength(cache, shape.Length);
        RequireLength(positions, shape.B);
        int* p = Pointer(positions);
        for (int b = 0; b < shape.B; b++)
        {
            if (p[b] < 0 || p[b] > shape.Capacity - T)
                throw new ArgumentException($"positions[{b}] is {p[b]}: {T} tokens from there do not fit a cache of {shape.Capacity}");
        }
    }

    /// <summary>Rows of x are (b, t): the heads of one token, which go to as many places.</summary>
    private struct CacheAppendBody : IRangeBody
    {
        public float* Cache;
        public float* X;
        public int* Positions;
        public int T;
        public CacheShape Shape;

        public readonly void Invoke(int start, int end, int worker)
        {
            int D = Shape.HeadSize;
            for (int row = start; row < end; row++)
            {
                int b = row / T, position = Positions[b] + row % T;
                for (int h = 0; h < Shape.KeyValueHeads; h++)
                {
                    nint head = (nint)b * Shape.KeyValueHeads + h;
                    CopyRow(Cache + (head * Shape.Capacity + position) * D, X + ((nint)row * Shape.KeyValueHeads + h) * D, D);
                }
            }
        }
    }
}
