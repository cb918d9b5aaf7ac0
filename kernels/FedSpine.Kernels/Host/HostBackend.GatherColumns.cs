using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void GatherColumns(DeviceSpan<float> y, DeviceSpan<float> x, DeviceSpan<int> columns, int M, int D)
    {
        RequireLength(y, (long)M * columns.Length);
        RequireLength(x, (long)M * D);
        RequireIndices(columns, D);
        var body = new GatherColumnsBody { Y = Pointer(y), X = Pointer(x), Columns = Pointer(columns), Count = columns.Length, D = D };
        ForRows(M, columns.Length, ref body);
    }

    private struct GatherColumnsBody : IRangeBody
    {
        public float* Y;     // (M, Count)
        public float* X;     // (M, D)
        public int* Columns; // (Count)
        public int Count;
        public int D;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                float* y = Y + (long)row * Count;
                float* x = X + (long)row * D;
                for (int i = 0; i < Count; i++)
                    y[i] = x[Columns[i]];
            }
        }
    }
}
