using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void SwiGluBackward(DeviceSpan<float> dgate, DeviceSpan<float> dup, DeviceSpan<float> gate, DeviceSpan<float> up, DeviceSpan<float> dh)
    {
        RequireLength(dup, dgate.Length);
        RequireLength(gate, dgate.Length);
        RequireLength(up, dgate.Length);
        RequireLength(dh, dgate.Length);
        var body = new SwiGluBackwardBody { Dgate = Pointer(dgate), Dup = Pointer(dup), Gate = Pointer(gate), Up = Pointer(up), Dh = Pointer(dh) };
        ForElements(dgate.Length, ref body);
    }

    private struct SwiGluBackwardBody : IRangeBody
    {
        public float* Dgate;
        public float* Dup;
        public float* Gate;
        public float* Up;
        public float* Dh;

        public readonly void Invoke(int start, int end, int worker)
        {
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
            {
                TVector gate = TSimd.Load(Gate + i), dh = TSimd.Load(Dh + i); // before dup, which may lie on dh
                TSimd.Store(Dgate + i, SwiGluBackwardGate.Invoke<TSimd, TVector>(gate, TSimd.Load(Up + i), dh));
                TSimd.Store(Dup + i, SwiGluBackwardUp.Invoke<TSimd, TVector>(gate, dh));
            }

            for (; i < end; i++)
            {
                float gate = Gate[i], dh = Dh[i];
                Dgate[i] = SwiGluBackwardGate.Invoke<SimdScalar, float>(gate, Up[i], dh);
                Dup[i] = SwiGluBackwardUp.Invoke<SimdScalar, float>(gate, dh);
            }
        }
    }
}
