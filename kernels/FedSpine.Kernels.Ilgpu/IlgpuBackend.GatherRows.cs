using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    public void GatherRows(WeightSpan y, WeightSpan x, DeviceSpan<int> rows, int D) => EmbeddingForward(Floats(y), rows, x, rows.Length, D);
}
