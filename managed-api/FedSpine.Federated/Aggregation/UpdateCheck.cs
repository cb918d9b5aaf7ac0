using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>Rejects updates that cannot be merged, before anything is: one line that says whose, which module and what.</summary>
internal static class UpdateCheck
{
    /// <exception cref="InputException">A weight, shape, index or value that cannot be.</exception>
    public static void Check(IReadOnlyList<AdapterUpdate> updates)
    {
        var first = new Dictionary<string, AdapterModule>();
        var heads = new Dictionary<string, int>();
        foreach (AdapterUpdate update in updates)
        {
            if (!(update.Weight > 0 && double.IsFinite(update.Weight)))
                throw new InputException($"device {update.Device}: weight is {update.Weight}, expected a positive number");
            foreach (AdapterModule m in update.State.Modules)
            {
                if (Fault(m) is { } fault)
                    throw new InputException($"device {update.Device}, {m.Module}: {fault}");
                first.TryAdd(m.Module, m);
                AdapterModule other = first[m.Module];
                if ((m.BaseRows, m.BaseColumns) != (other.BaseRows, other.BaseColumns))
                    throw new InputException($"device {update.Device}, {m.Module}: {m.BaseRows}x{m.BaseColumns}, "
                        + $"other devices have {other.BaseRows}x{other.BaseColumns}");
                if ((m.Rows ?? other.Rows) is not null && (m.Columns ?? other.Columns) is not null)
                    throw new InputException($"device {update.Device}, {m.Module}: pruned on rows and on columns; one axis only can be merged");
            }
            foreach ((string name, float[] values) in update.State.Head)
            {
                heads.TryAdd(name, values.Length);
                if (values.Length != heads[name])
                    throw new InputException($"device {update.Device}, {name}: {values.Length} values, other devices have {heads[name]}");
                if (!AllFinite(values))
                    throw new InputException($"device {update.Device}, {name}: has values that are not finite");
            }
        }
    }

    private static string? Fault(AdapterModule m)
    {
        if (m.Rank < 1)
            return $"rank is {m.Rank}";
        if (!(m.Scale > 0 && float.IsFinite(m.Scale)))
            return $"scale is {m.Scale}, expected a positive number";
        if (!Ascending(m.Rows, m.BaseRows))
            return $"kept rows are not ascending indices below {m.BaseRows}";
        if (!Ascending(m.Columns, m.BaseColumns))
            return $"kept columns are not ascending indices below {m.BaseColumns}";
        if (m.B.Length != m.RowCount * m.Rank)
            return $"B has {m.B.Length} values, expected {m.RowCount}x{m.Rank}";
        if (m.A.Length != m.Rank * m.ColumnCount)
            return $"A has {m.A.Length} values, expected {m.Rank}x{m.ColumnCount}";
        return AllFinite(m.A) && AllFinite(m.B) ? null : "has values that are not finite";
    }

    private static bool Ascending(int[]? indices, int bound)
    {
        int last = -1;
        foreach (int i in indices ?? [])
        {
            if (i <= last || i >= bound)
                return false;
            last = i;
        }
        return true;
    }

    public static bool AllFinite(float[] values)
    {
        foreach (float x in values)
            if (!float.IsFinite(x))
                return false;
        return true;
    }
}
