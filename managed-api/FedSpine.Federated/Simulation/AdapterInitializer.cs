using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// The adapter every device starts from: A uniform in +-1 / sqrt(in) as PEFT does, B zero. Drawn once for the unpruned base and the
/// largest rank, then cut, so that all devices start alike whatever their rank and shape.
/// </summary>
internal static class AdapterInitializer
{
    private const ulong Stream = 0x10BA;

    public static IReadOnlyList<AdapterModule> Fresh(IReadOnlyList<AdapterShape> shapes, int rank, ulong seed)
    {
        var modules = new List<AdapterModule>(shapes.Count);
        for (int m = 0; m < shapes.Count; m++)
        {
            var shape = shapes[m];
            double bound = 1 / Math.Sqrt(shape.BaseColumns);
            int columns = shape.Columns?.Length ?? shape.BaseColumns;
            var a = new float[rank * columns];
            var full = new float[shape.BaseColumns];
            for (int r = 0; r < rank; r++)
            {
                // One stream a row: a larger rank adds rows and changes none.
                var random = new DeterministicRandom(seed, Stream, (ulong)m, (ulong)r);
                for (int c = 0; c < full.Length; c++)
                    full[c] = (float)random.NextDouble(-bound, bound);
                for (int c = 0; c < columns; c++)
                    a[r * columns + c] = full[shape.Columns?[c] ?? c];
            }

            modules.Add(new AdapterModule(shape.Module, rank, shape.Scale, shape.BaseRows, shape.BaseColumns, shape.Rows, shape.Columns,
                new float[(shape.Rows?.Length ?? shape.BaseRows) * rank], a));
        }

        return modules;
    }
}
