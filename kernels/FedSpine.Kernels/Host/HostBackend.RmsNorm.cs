using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void RmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight, int rows, int D, float eps)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(rstd, rows);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        var body = new RmsNormForwardBody { Y = Pointer(y), Rstd = Pointer(rstd), X = Pointer(x), Weight = Pointer(weight), D = D, Eps = eps };
        ForRows(rows, D, ref body);
    }

    public void RmsNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dy, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> rstd, int rows, int D, bool accumulate = false)
    {
        RequireLength(dx, (long)rows * D);
        if (!dweight.IsEmpty)
            RequireLength(dweight, D);
        RequireLength(dy, (long)rows * D);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(rstd, rows);
        var body = new RmsNormBackwardBody
        {
            Dx = Pointer(dx), Dy = Pointer(dy), X = Pointer(x), Weight = Pointer(weight), Rstd = Pointer(rstd), D = D, Accumulate = accumulate,
        };
        if (!dweight.IsEmpty) // before dx, which may lie on dy
        {
            var columns = new RmsNormWeightBody { Dweight = Pointer(dweight), Dy = Pointer(dy), X = Pointer(x), Rstd = Pointer(rstd), Rows = rows, D = D };
            ForColumns(D, rows, ref columns);
        }

        ForRows(rows, D, ref body);
    }

    private struct RmsNormForwardBody : IRangeBody
    {
        public float* Y;      // (rows, D)
        public float* Rstd;   // (rows)
        public float* X;      // (rows, D)
        public float* Weight; // (D)
        public int D;
        public float Eps;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* x = X + (long)row * D;
                float* y = Y + (long)row * D;
                float rstd = 1 / MathF.Sqrt(Dot(x, x, D) / D + Eps);
                Rstd[row] = rstd;
                var r = TSimd.Broadcast(rstd);
                int i = 0;
                for (; i <= D - TSimd.Width; i += TSimd.Width)
                    TSimd.Store(y + i, TSimd.Multiply(TSimd.Multiply(TSimd.Load(x + i), r), TSimd.Load(Weight + i)));
                for (; i < D; i++)
                    y[i] = x[i] * rstd * Weight[i];
            }
        }
    }

    /// <summary>With g = dy * weight: dx = rstd (g - x c), c = rstd^2 mean(g x).</summary>
    private struct RmsNormBackwardBody : IRangeBody
    {
        public float* Dx;     // (rows, D)
        public float* Dy;     // (rows, D)
        public float* X;      // (rows, D)
        public float* Weight; // (D)
        public float* Rstd;   // (rows)
        public int D;
        public bool Accumulate;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* dx = Dx + (long)row * D;
                float* dy = Dy + (long)row * D;
                float* x = X + (long)row * D;
                float rstd = Rstd[row];
                float c = rstd * rstd * Dot(dy, Weight, x, D) / D;
                var minusC = TSimd.Broadcast(-c);
                var r = TSimd.Broadcast(rstd);
                int i = 0;
                for (; i <= D - TSimd.Width; i += TSimd.Width)
                {
                    var g = TSimd.Multiply(TSimd.Load(dy + i), TSimd.Load(Weight + i));
                    var d = TSimd.Multiply(r, TSimd.MultiplyAdd(TSimd.Load(x + i), minusC, g));
                    TSimd.Store(dx + i, Accumulate ? TSimd.Add(TSimd.Load(dx + i), d) : d);
                }

                for (; i < D; i++)
                {
                    float d = rstd * (dy[i] * Weight[i] - x[i] * c);
                    dx[i] = Accumulate ? dx[i] + d : d;
                }
            }
        }
    }

    /// <summary>dweight += sum over rows of dy x rstd.</summary>
    private struct RmsNormWeightBody : IRangeBody
    {
        public float* Dweight; // (D)
        public float* Dy;      // (rows, D)
        public float* X;       // (rows, D)
        public float* Rstd;    // (rows)
        public int Rows;
        public int D;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = 0; row < Rows; row++)
            {
                float* dy = Dy + (long)row * D;
                float* x = X + (long)row * D;
                var r = TSimd.Broadcast(Rstd[row]);
                int i = start;
                for (; i <= end - TSimd.Width; i += TSimd.Width)
                {
                    var xhat = TSimd.Multiply(TSimd.Load(x + i), r);
                    TSimd.Store(Dweight + i, TSimd.MultiplyAdd(TSimd.Load(dy + i), xhat, TSimd.Load(Dweight + i)));
                }

                for (; i < end; i++)
                    Dweight[i] += dy[i] * x[i] * Rstd[row];
            }
        }
    }
}
