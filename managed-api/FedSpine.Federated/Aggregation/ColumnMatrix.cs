namespace FedSpine.Federated.Aggregation;

/// <summary>A dense matrix of doubles whose columns are contiguous, (Rows, Columns), zero at first.</summary>
internal sealed class ColumnMatrix(int rows, int columns)
{
    private readonly double[] _data = new double[checked(rows * columns)];

    public int Rows => rows;

    public int Columns => columns;

    public Span<double> this[int column] => _data.AsSpan(column * rows, rows);
}
