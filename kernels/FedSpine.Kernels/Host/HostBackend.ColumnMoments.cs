using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void ColumnMoments(DeviceSpan<float> count, DeviceSpan<float> mean, DeviceSpan<float> m2, DeviceSpan<float> x, DeviceSpan<int> lengths, int B, int T, int C)
    {
        RequireLength(count, 1);
        RequireLength(mean, C);
        RequireLength(m2, C);
        RequireLength(x, (long)B * T * C);
        RequireLengths(lengths, B, T);
        int* length = Pointer(lengths);
        long batch = 0;
        for (int b = 0; b < B; b++)
            batch += length[b];
        if (batch == 0)
            return;
        float* n = Pointer(count);
        var body = new ColumnMomentsBody
        {
            Mean = Pointer(mean), M2 = Pointer(m2), X = Pointer(x), Lengths = length, B = B, T = T, C = C, Count = *n, BatchCount = batch,
        };
        ForColumns(C, (long)B * T, ref body);
        *n += batch;
    }

    /// <summary>
    /// The batch's own mean and sum of squared deviations in two passes, merged into the running ones: Chan, Golub and LeVeque,
    /// "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    /// </summary>
    private struct ColumnMomentsBody : IRangeBody
    {
        public float* Mean;  // (C)
        public float* M2;    // (C)
        public float* X;     // (B, T, C)
        public int* Lengths; // (B)
        public int B;
        public int T;
        public int C;
        public float Count;
        public float BatchCount;

        public readonly void Invoke(int start, int end, int worker)
        {
            float* mean = stackalloc float[ColumnBlock];
            float* m2 = stackalloc float[ColumnBlock];
            for (int block = start; block < end; block += ColumnBlock)
            {
                int n = Math.Min(ColumnBlock, end - block);
                new Span<float>(mean, n).Clear();
                new Span<float>(m2, n).Clear();
                for (int b = 0; b < B; b++)
                    for (int t = 0; t < Lengths[b]; t++)
                        AddRow(mean, X + ((long)b * T + t) * C + block, n);
                ScaleRow(mean, 1 / BatchCount, n);
                for (int b = 0; b < B; b++)
                    for (int t = 0; t < Lengths[b]; t++)
                        AddSquaredDeviations(m2, X + ((long)b * T + t) * C + block, mean, n);
                Merge(Mean + block, M2 + block, mean, m2, n);
            }
        }

        private readonly void Merge(float* mean, float* m2, float* batchMean, float* batchM2, int n)
        {
            float share = BatchCount / (Count + BatchCount);
            for (int i = 0; i < n; i++)
            {
                float delta = batchMean[i] - mean[i];
                mean[i] += delta * share;
                m2[i] += batchM2[i] + delta * delta * (Count * share);
            }
        }

        private static void AddSquaredDeviations(float* y, float* x, float* mean, int n)
        {
            int i = 0;
            for (; i <= n - TSimd.Width; i += TSimd.Width)
            {
                var d = TSimd.Subtract(TSimd.Load(x + i), TSimd.Load(mean + i));
                TSimd.Store(y + i, TSimd.MultiplyAdd(d, d, TSimd.Load(y + i)));
            }

            for (; i < n; i++)
                y[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
        }
    }
}
