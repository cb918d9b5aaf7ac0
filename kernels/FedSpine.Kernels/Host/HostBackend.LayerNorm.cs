using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void LayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> weight,
        DeviceSpan<float> bias, int rows, int D, float eps)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(mean, rows);
        RequireLength(rstd, rows);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(bias, D);
        var body = new LayerNormForwardBody
        {
            Y = Pointer(y), Mean = Pointer(mean), Rstd = Pointer(rstd), X = Pointer(x), Weight = Pointer(weight), Bias = Pointer(bias), D = D, Eps = eps,
        };
        ForRows(rows, D, ref body);
    }

    public void LayerNormBackward(DeviceSpan<float> dx, DeviceSpan<float> dweight, DeviceSpan<float> dbias, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> weight, DeviceSpan<float> mean, DeviceSpan<float> rstd, int rows, int D, bool accumulate = false)
    {
        RequireLength(dx, (long)rows * D);
        if (!dweight.IsEmpty)
            RequireLength(dweight, D);
        if (!dbias.IsEmpty)
            RequireLength(dbias, D);
        RequireLength(dy, (long)rows * D);
        RequireLength(x, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(mean, rows);
        RequireLength(rstd, rows);
        var body = new LayerNormBackwardBody
        {
            Dx = Pointer(dx), Dy = Pointer(dy), X = Pointer(x), Weight = Pointer(weight), Mean = Pointer(mean), Rstd = Pointer(rstd), D = D, Accumulate = accumulate,
        };
        // Before dx, which may lie on dy.
        if (!dweight.IsEmpty)
        {
            var columns = new LayerNormWeightBody
            {
                Dweight = Pointer(dweight), Dy = Pointer(dy), X = Pointer(x), Mean = Pointer(mean), Rstd = Pointer(rstd), Rows = rows, D = D,
            };
            ForColumns(D, rows, ref columns);
        }

        if (!dbias.IsEmpty)
        {
            var columns = new ColumnSumBody { Sums = Pointer(dbias), X = Pointer(dy), Rows = rows, D = D };
            ForColumns(D, rows, ref columns);
        }

        ForRows(rows, D, ref body);
    }

    private struct LayerNormForwardBody : IRangeBody
    {
        public float* Y;      // (rows, D)
        public float* Mean;   // (rows)
        public float* Rstd;   // (rows)
        public float* X;      // (rows, D)
        public float* Weight; // (D)
        public float* Bias;   // (D)
        public int D;
        public float Eps;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* x = X + (long)row * D;
                float* y = Y + (long)row * D;
                float mean = Sum(x, D) / D;
                float rstd = 1 / MathF.Sqrt(SumOfSquaredDeviations(x, mean, D) / D + Eps);
                Mean[row] = mean;
                Rstd[row] = rstd;
                var m = TSimd.Broadcast(mean);
                var r = TSimd.Broadcast(rstd);
                int i = 0;
                for (; i <= D - TSimd.Width; i += TSimd.Width)
                {
                    var xhat = TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), m), r);
                    TSimd.Store(y + i, TSimd.MultiplyAdd(xhat, TSimd.Load(Weight + i), TSimd.Load(Bias + i)));
                }

                for (; i < D; i++)
                    y[i] = (x[i] - mean) * rstd * Weight[i] + Bias[i];
            }
        }
    }

    /// <summary>With g = dy * weight and xhat = (x - mean) rstd: dx = rstd (g - mean(g) - xhat mean(g xhat)).</summary>
    private struct LayerNormBackwardBody : IRangeBody
    {
        public float* Dx;     // (rows, D)
        public float* Dy;     // (rows, D)
        public float* X;      // (rows, D)
        public float* Weight; // (D)
        public float* Mean;   // (rows)
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
                float mean = Mean[row], rstd = Rstd[row];
                var m = TSimd.Broadcast(mean);
                var r = TSimd.Broadcast(rstd);
                var sumG = TSimd.Zero;
                var sumGx = TSimd.Zero;
                int i = 0;
                for (; i <= D - TSimd.Width; i += TSimd.Width)
                {
                    var g = TSimd.Multiply(TSimd.Load(dy + i), TSimd.Load(Weight + i));
                    sumG = TSimd.Add(sumG, g);
                    sumGx = TSimd.MultiplyAdd(g, TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), m), r), sumGx);
                }

                float meanG = TSimd.Sum(sumG), meanGx = TSimd.Sum(sumGx);
                for (; i < D; i++)
                {
                    float g = dy[i] * Weight[i];
                    meanG += g;
                    meanGx += g * ((x[i] - mean) * rstd);
                }

                meanG /= D;
                meanGx /= D;
                var c1 = TSimd.Broadcast(meanG);
                var c2 = TSimd.Broadcast(-meanGx);
                for (i = 0; i <= D - TSimd.Width; i += TSimd.Width)
                {
                    var g = TSimd.Subtract(TSimd.Multiply(TSimd.Load(dy + i), TSimd.Load(Weight + i)), c1);
                    var xhat = TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), m), r);
                    var d = TSimd.Multiply(r, TSimd.MultiplyAdd(xhat, c2, g));
                    TSimd.Store(dx + i, Accumulate ? TSimd.Add(TSimd.Load(dx + i), d) : d);
                }

                for (; i < D; i++)
                {
                    float d = rstd * (dy[i] * Weight[i] - meanG - (x[i] - mean) * rstd * meanGx);
                    dx[i] = Accumulate ? dx[i] + d : d;
                }
            }
        }
    }

    /// <summary>dweight += sum over rows of dy (x - mean) rstd.</summary>
    private struct LayerNormWeightBody : IRangeBody
    {
        public float* Dweight; // (D)
        public float* Dy;      // (rows, D)
        public float* X;       // (rows, D)
        public float* Mean;    // (rows)
        public float* Rstd;    // (rows)
        public int Rows;
        public int D;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = 0; row < Rows; row++)
            {
                float* dy = Dy + (long)row * D;
                float* x = X + (long)row * D;
                var m = TSimd.Broadcast(Mean[row]);
                var r = TSimd.Broadcast(Rstd[row]);
                int i = start;
                for (; i <= end - TSimd.Width; i += TSimd.Width)
                {
                    var xhat = TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), m), r);
                    TSimd.Store(Dweight + i, TSimd.MultiplyAdd(TSimd.Load(dy + i), xhat, TSimd.Load(Dweight + i)));
                }

                for (; i < end; i++)
                    Dweight[i] += dy[i] * ((x[i] - Mean[row]) * Rstd[row]);
            }
        }
    }

    /// <summary>sums += sum over rows of x.</summary>
    private struct ColumnSumBody : IRangeBody
    {
        public float* Sums; // (D)
        public float* X;    // (rows, D)
        public int Rows;
        public int D;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = 0; row < Rows; row++)
                AddRow(Sums + start, X + (long)row * D + start, end - start);
        }
    }
}
