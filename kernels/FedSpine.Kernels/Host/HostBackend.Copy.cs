using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Copy(DeviceSpan<float> y, DeviceSpan<float> x)
    {
        RequireLength(y, x.Length);
        var body = new CopyBody { Y = Pointer(y), X = Pointer(x) };
        ForElements(y.Length, ref body);
    }

    private struct CopyBody : IRangeBody
    {
        public float* Y;
        public float* X;

        public readonly void Invoke(int start, int end, int worker) => CopyRow(Y + start, X + start, end - start);
    }
}
