using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void GatherRows(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> rows, int D)
    {
        RequireLength(y, (long)rows.Length * D);
        RequireIndices(rows, RowsOf(x, D));
        var body = new EmbeddingForwardBody { Y = Pointer(y), Ids = Pointer(rows), Table = Pointer(x), D = D };
        ForRows(rows.Length, D, ref body);
    }
}
