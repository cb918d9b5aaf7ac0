using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, WeightSpan table, int rows, int D, bool accumulate = false)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(ids, rows);
        RequireIndices(ids, RowsOf(table, D));
        var body = new EmbeddingForwardBody { Y = Pointer(y), Ids = Pointer(ids), Table = Pointer(table), Type = table.Type, D = D, Accumulate = accumulate };
        ForRows(rows, D, ref body);
    }

    public void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D)
    {
        RequireLength(ids, rows);
        RequireLength(dy, (long)rows * D);
        RequireIndices(ids, RowsOf(dtable, D));
        var body = new EmbeddingBackwardBody { Dtable = Pointer(dtable), Ids = Pointer(ids), Dy = Pointer(dy), Rows = rows, D = D };
        ForColumns(D, rows, ref body);
    }

    private struct EmbeddingForwardBody : IRangeBody
    {
        public float* Y;     // (rows, D)
        public int* Ids;     // (rows)
        public byte* Table;  // (V, D)
        public WeightType Type;
        public int D;
        public bool Accumulate;

        public readonly void Invoke(int start, int end, int worker)
        {
            long rowBytes = Type.RowBytes(D);
            for (int row = start; row < end; row++)
                WeightRows<TSimd, TVector>.Read(Y + (long)row * D, Type, Table + Ids[row] * rowBytes, 0, D, Accumulate);
        }
    }

    /// <summary>A block of columns of every row: rows that share an id meet in one thread, in order.</summary>
    private struct EmbeddingBackwardBody : IRangeBody
    {
        public float* Dtable; // (V, D)
        public int* Ids;      // (rows)
        public float* Dy;     // (rows, D)
        public int Rows;
        public int D;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = 0; row < Rows; row++)
                AddRow(Dtable + (long)Ids[row] * D + start, Dy + (long)row * D + start, end - start);
        }
    }
}
