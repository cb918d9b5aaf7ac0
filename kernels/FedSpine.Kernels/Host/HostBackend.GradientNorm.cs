using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Partial sums of a norm: a fixed number, so that the result does not depend on the number of threads.</summary>
    private const int NormParts = 64;

    public void GradientNorm(DeviceSpan<float> norm, DeviceSpan<float> g, float maxNorm)
    {
        RequireLength(norm, 2);
        if (!(maxNorm >= 0))
            throw new ArgumentException($"maxNorm is {maxNorm}; it must be positive, or 0 for no clipping");
        double* parts = stackalloc double[NormParts];
        int part = (int)(((long)g.Length + NormParts - 1) / NormParts);
        var body = new SquareSumBody { Parts = parts, G = Pointer(g), Length = g.Length, Part = part };
        ForRows(NormParts, part, ref body);
        double sum = 0;
        for (int i = 0; i < NormParts; i++)
            sum += parts[i];
        float* result = Pointer(norm);
        float value = (float)Math.Sqrt(sum);
        result[0] = value;
        result[1] = !float.IsFinite(value) ? 0 : maxNorm == 0 || value <= maxNorm ? 1 : maxNorm / value;
    }

    /// <summary>Sums of squares in double: a gradient of 1e30 is large, not infinite.</summary>
    private struct SquareSumBody : IRangeBody
    {
        public double* Parts;
        public float* G;
        public int Length;
        public int Part;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int p = start; p < end; p++)
            {
                long from = Math.Min(Length, (long)p * Part), to = Math.Min(Length, from + Part);
                double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
                long i = from;
                for (; i <= to - 4; i += 4)
                {
                    double g0 = G[i], g1 = G[i + 1], g2 = G[i + 2], g3 = G[i + 3];
                    s0 += g0 * g0;
                    s1 += g1 * g1;
                    s2 += g2 * g2;
                    s3 += g3 * g3;
                }

                for (; i < to; i++)
                    s0 += (double)G[i] * G[i];
                Parts[p] = s0 + s1 + (s2 + s3);
            }
        }
    }
}
