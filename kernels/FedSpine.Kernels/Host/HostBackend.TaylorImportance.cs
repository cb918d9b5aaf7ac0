using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void TaylorImportance(DeviceSpan<float> score, DeviceSpan<float> gates, DeviceSpan<float> x, DeviceSpan<float> dx, DeviceSpan<int> lengths,
        int B, int T, int G, int D)
    {
        RequireLength(score, G);
        RequireLength(gates, (long)B * G);
        RequireLength(x, (long)B * T * G * D);
        RequireLength(dx, (long)B * T * G * D);
        RequireLengths(lengths, B, T);
        float* s = Pointer(score);
        float* gate = Pointer(gates);
        if (D == 1) // channels: groups lie side by side
        {
            var channels = new ChannelGateBody { Gates = gate, X = Pointer(x), Dx = Pointer(dx), Lengths = Pointer(lengths), B = B, T = T, G = G };
            ForColumns(G, (long)B * T, ref channels);
        }
        else
        {
            var heads = new HeadGateBody { Gates = gate, X = Pointer(x), Dx = Pointer(dx), Lengths = Pointer(lengths), T = T, G = G, D = D };
            ForRows(B * G, (long)T * D, ref heads);
        }

        for (int b = 0; b < B; b++, gate += G)
            for (int g = 0; g < G; g++)
                s[g] += MathF.Abs(gate[g]);
    }

    /// <summary>D = 1: each gate is the sum down a column.</summary>
    private struct ChannelGateBody : IRangeBody
    {
        public float* Gates;   // (B, G)
        public float* X;       // (B, T, G)
        public float* Dx;      // (B, T, G)
        public int* Lengths;   // (B)
        public int B;
        public int T;
        public int G;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int b = 0; b < B; b++)
            {
                float* gates = Gates + (long)b * G;
                new Span<float>(gates + start, end - start).Clear();
                float* x = X + (long)b * T * G + start, dx = Dx + (long)b * T * G + start;
                int t = 0;
                for (; t <= Lengths[b] - 4; t += 4, x += 4L * G, dx += 4L * G)
                    AddFourProductRows(gates + start, x, dx, G, end - start);
                for (; t < Lengths[b]; t++, x += G, dx += G)
                    AddProductRow(gates + start, x, dx, end - start);
            }
        }

        /// <summary>z += x * y over four rows in turn, so that z is read and written once for all of them.</summary>
        private static void AddFourProductRows(float* z, float* x, float* y, nint stride, int n)
        {
            int i = 0;
            for (; i <= n - TSimd.Width; i += TSimd.Width, x += TSimd.Width, y += TSimd.Width)
            {
                var sum = TSimd.MultiplyAdd(TSimd.Load(x), TSimd.Load(y), TSimd.Load(z + i));
                sum = TSimd.MultiplyAdd(TSimd.Load(x + stride), TSimd.Load(y + stride), sum);
                sum = TSimd.MultiplyAdd(TSimd.Load(x + 2 * stride), TSimd.Load(y + 2 * stride), sum);
                sum = TSimd.MultiplyAdd(TSimd.Load(x + 3 * stride), TSimd.Load(y + 3 * stride), sum);
                TSimd.Store(z + i, sum);
            }

            for (; i < n; i++, x++, y++)
                z[i] = z[i] + x[0] * y[0] + x[stride] * y[stride] + x[2 * stride] * y[2 * stride] + x[3 * stride] * y[3 * stride];
        }
    }

    /// <summary>One index per example and group: the sum over the group's D columns at every position.</summary>
    private struct HeadGateBody : IRangeBody
    {
        public float* Gates; // (B, G)
        public float* X;     // (B, T, G * D)
        public float* Dx;    // (B, T, G * D)
        public int* Lengths; // (B)
        public int T;
        public int G;
        public int D;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int index = start; index < end; index++)
            {
                (int b, int g) = Math.DivRem(index, G);
                float* x = X + ((long)b * T * G + g) * D;
                float* dx = Dx + ((long)b * T * G + g) * D;
                var sum = TSimd.Zero;
                float tail = 0;
                for (int t = 0; t < Lengths[b]; t++, x += (long)G * D, dx += (long)G * D)
                {
                    int i = 0;
                    for (; i <= D - TSimd.Width; i += TSimd.Width)
                        sum = TSimd.MultiplyAdd(TSimd.Load(x + i), TSimd.Load(dx + i), sum);
                    for (; i < D; i++)
                        tail += x[i] * dx[i];
                }

                Gates[index] = TSimd.Sum(sum) + tail;
            }
        }
    }
}
