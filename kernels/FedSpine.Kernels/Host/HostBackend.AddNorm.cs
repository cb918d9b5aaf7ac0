using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void AddRmsNormForward(DeviceSpan<float> y, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> residual, DeviceSpan<float> weight,
        int rows, int D, float eps)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(rstd, rows);
        RequireLength(x, (long)rows * D);
        RequireLength(residual, (long)rows * D);
        RequireLength(weight, D);
        var norm = new RmsNormForwardBody { Y = Pointer(y), Rstd = Pointer(rstd), X = Pointer(x), Weight = Pointer(weight), D = D, Eps = eps };
        var body = new AddThenBody<RmsNormForwardBody> { X = Pointer(x), Residual = Pointer(residual), D = D, Norm = norm };
        ForRows(rows, D, ref body);
    }

    public void AddLayerNormForward(DeviceSpan<float> y, DeviceSpan<float> mean, DeviceSpan<float> rstd, DeviceSpan<float> x, DeviceSpan<float> residual,
        DeviceSpan<float> weight, DeviceSpan<float> bias, int rows, int D, float eps)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(mean, rows);
        RequireLength(rstd, rows);
        RequireLength(x, (long)rows * D);
        RequireLength(residual, (long)rows * D);
        RequireLength(weight, D);
        RequireLength(bias, D);
        var norm = new LayerNormForwardBody
        {
            Y = Pointer(y), Mean = Pointer(mean), Rstd = Pointer(rstd), X = Pointer(x), Weight = Pointer(weight), Bias = Pointer(bias), D = D, Eps = eps,
        };
        var body = new AddThenBody<LayerNormForwardBody> { X = Pointer(x), Residual = Pointer(residual), D = D, Norm = norm };
        ForRows(rows, D, ref body);
    }

    /// <summary>x += residual, then the norm of the row, which is now in the first-level cache.</summary>
    private struct AddThenBody<TNorm> : IRangeBody where TNorm : unmanaged, IRangeBody
    {
        public float* X;        // (rows, D)
        public float* Residual; // (rows, D)
        public int D;
        public TNorm Norm;

        public void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                AddRow(X + (long)row * D, Residual + (long)row * D, D);
                Norm.Invoke(row, row + 1, worker);
            }
        }
    }
}
