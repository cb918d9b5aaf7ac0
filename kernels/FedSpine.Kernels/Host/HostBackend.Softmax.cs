using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Softmax(DeviceSpan<float> y, DeviceSpan<float> x, int rows, int C)
    {
        RequireLength(y, (long)rows * C);
        RequireLength(x, (long)rows * C);
        var body = new SoftmaxBody { Y = Pointer(y), X = Pointer(x), C = C };
        ForRows(C == 0 ? 0 : rows, C, ref body);
    }

    private struct SoftmaxBody : IRangeBody
    {
        public float* Y; // (rows, C)
        public float* X; // (rows, C)
        public int C;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* x = X + (long)row * C;
                float* y = Y + (long)row * C;
                double sum = ExponentialsAndSum(y, x, Maximum(x, C), C);
                ScaleRow(y, (float)(1 / sum), C);
            }
        }
    }

    /// <summary>y = e^(x - shift) (not stored when y is null); returns the sum, blocks of 1024 in single precision and their total in double.</summary>
    private static double ExponentialsAndSum(float* y, float* x, float shift, int n)
    {
        const int block = 1024;
        var s = TSimd.Broadcast(shift);
        double total = 0;
        for (int start = 0; start < n; start += block)
        {
            int end = Math.Min(n, start + block);
            var sum = TSimd.Zero;
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
            {
                var e = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(x + i), s));
                sum = TSimd.Add(sum, e);
                if (y != null)
                    TSimd.Store(y + i, e);
            }

            total += TSimd.Sum(sum);
            for (; i < end; i++)
            {
                float e = VectorMath.Exp<SimdScalar, float>(x[i] - shift);
                total += e;
                if (y != null)
                    y[i] = e;
            }
        }

        return total;
    }
}
