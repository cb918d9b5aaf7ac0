using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void GatherRows(WeightSpan y, WeightSpan x, DeviceSpan<int> rows, int D)
    {
        RequireLength(y, (long)rows.Length * D);
        RequireIndices(rows, RowsOf(x, D));
        if (y.Type != x.Type)
            throw new ArgumentException($"y is of type {y.Type}, x of type {x.Type}");
        var body = new GatherRowsBody { Y = Pointer(y), X = Pointer(x), Rows = Pointer(rows), RowBytes = x.Type.RowBytes(D) };
        ForRows(rows.Length, D, ref body);
    }

    private struct GatherRowsBody : IRangeBody
    {
        public byte* Y;   // (rows, D)
        public byte* X;   // (.., D)
        public int* Rows; // (rows)
        public long RowBytes;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
                Buffer.MemoryCopy(X + Rows[i] * RowBytes, Y + i * RowBytes, RowBytes, RowBytes);
        }
    }
}
