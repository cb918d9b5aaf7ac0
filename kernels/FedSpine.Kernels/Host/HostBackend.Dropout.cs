using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Dropout(DeviceSpan<float> y, DeviceSpan<float> x, float rate, ulong seed)
    {
        RequireLength(x, y.Length);
        if (!(rate >= 0 && rate < 1))
            throw new ArgumentException($"rate is {rate}, outside [0, 1)");
        var body = new DropoutBody { Y = Pointer(y), X = Pointer(x), Key = CounterHash.Mix(seed), Drop = (uint)(rate * 4294967296.0), Scale = 1 / (1 - rate) };
        ForElements(y.Length, ref body);
    }

    private struct DropoutBody : IRangeBody
    {
        public float* Y;
        public float* X;
        public ulong Key;
        public uint Drop; // rate * 2^32: draws below it are dropped
        public float Scale;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
                Y[i] = CounterHash.Draw(Key, i) < Drop ? 0 : X[i] * Scale;
        }
    }
}
