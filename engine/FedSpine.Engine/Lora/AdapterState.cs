namespace FedSpine.Engine.Lora;

/// <summary>
/// One module's factors on the host, with where they sit in the unpruned base: dW = Scale * B A, B (rows, Rank), A (Rank, columns),
/// rows and columns being those that the holder still has.
/// </summary>
/// <param name="Module">Base module name, e.g. "model.layers.0.self_attn.q_proj".</param>
/// <param name="BaseRows">Out features of the unpruned module.</param>
/// <param name="BaseColumns">In features of the unpruned module.</param>
/// <param name="Rows">Kept output rows, ascending base indices; null: all.</param>
/// <param name="Columns">Kept input columns, ascending base indices; null: all.</param>
public sealed record AdapterModule(
    string Module, int Rank, float Scale, int BaseRows, int BaseColumns, int[]? Rows, int[]? Columns,
    float[] B,  // (Rows ?? BaseRows, Rank)
    float[] A)  // (Rank, Columns ?? BaseColumns)
{
    public int RowCount => Rows?.Length ?? BaseRows;

    public int ColumnCount => Columns?.Length ?? BaseColumns;
}

/// <summary>What travels between device and coordinator: the factors, and the densely trained head (classifier) by parameter name.</summary>
public sealed record AdapterState(IReadOnlyList<AdapterModule> Modules, IReadOnlyDictionary<string, float[]> Head)
{
    /// <summary>Size on the wire: float32 factors and head, and 4 bytes per kept index.</summary>
    public long Bytes => Modules.Sum(m => 4L * (m.A.Length + m.B.Length + (m.Rows?.Length ?? 0) + (m.Columns?.Length ?? 0)))
        + Head.Values.Sum(h => 4L * h.Length);
}
