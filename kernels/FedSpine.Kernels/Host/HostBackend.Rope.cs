using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Rope(DeviceSpan<float> x, DeviceSpan<float> table, int B, int T, int H, int D, bool inverse = false)
    {
        RequireLength(x, (long)B * T * H * D);
        if (D % 2 != 0)
            throw new ArgumentException($"D is {D}: rotary pairs need an even head size");
        if (table.Length < (long)T * D)
            throw new ArgumentException($"table has {table.Length} elements, {T} positions of {D} need {(long)T * D}");
        var body = new RopeBody { X = Pointer(x), Table = Pointer(table), T = T, H = H, D = D, Inverse = inverse };
        ForRows(B * T, (long)H * D, ref body);
    }

    /// <summary>(a, b) -> (a cos - b sin, b cos + a sin) for the pair a = x[i], b = x[i + D/2]; the inverse negates the sine.</summary>
    private struct RopeBody : IRangeBody
    {
        public float* X;     // (B, T, H, D)
        public float* Table; // (maxT, D): D/2 cosines, D/2 sines
        public int T;
        public int H;
        public int D;
        public bool Inverse;

        public readonly void Invoke(int start, int end, int worker)
        {
            int half = D / 2;
            float sign = Inverse ? -1 : 1;
            var signs = TSimd.Broadcast(sign);
            for (int row = start; row < end; row++)
            {
                float* cos = Table + (long)(row % T) * D;
                float* sin = cos + half;
                float* a = X + (long)row * H * D;
                for (int head = 0; head < H; head++, a += D)
                {
                    float* b = a + half;
                    int i = 0;
                    for (; i <= half - TSimd.Width; i += TSimd.Width)
                    {
                        var c = TSimd.Load(cos + i);
                        var s = TSimd.Multiply(signs, TSimd.Load(sin + i));
                        var va = TSimd.Load(a + i);
                        var vb = TSimd.Load(b + i);
                        TSimd.Store(a + i, TSimd.Subtract(TSimd.Multiply(va, c), TSimd.Multiply(vb, s)));
                        TSimd.Store(b + i, TSimd.MultiplyAdd(vb, c, TSimd.Multiply(va, s)));
                    }

                    for (; i < half; i++)
                    {
                        float s = sign * sin[i];
                        float va = a[i], vb = b[i];
                        a[i] = va * cos[i] - vb * s;
                        b[i] = vb * cos[i] + va * s;
                    }
                }
            }
        }
    }
}
