using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Fill(DeviceSpan<float> y, float value)
    {
        var body = new FillBody { Y = Pointer(y), Value = value };
        ForElements(y.Length, ref body);
    }

    private struct FillBody : IRangeBody
    {
        public float* Y;
        public float Value;

        public readonly void Invoke(int start, int end, int worker) => new Span<float>(Y + start, end - start).Fill(Value);
    }
}
