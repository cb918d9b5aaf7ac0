using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    public void GatherRows(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> rows, int D) => EmbeddingForward(y, rows, x, rows.Length, D);
}
