using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;

namespace FedSpine.Bench.Workloads;

/// <summary>The coordinator's work: merging adapters of unequal ranks and kept rows.</summary>
internal static class AggregationWorkloads
{
    public static IReadOnlyList<WorkloadRecipe> All { get; } =
    [
        new("aggregate svd", _ => Create(new SvdAggregator())),
        new("aggregate hetlora", _ => Create(new HetLoraAggregator())),
    ];

    /// <summary>Two modules of 768 x 768 of four devices, ranks 4 to 10; every other device has lost its last 192 rows.</summary>
    private static Workload Create(IAggregator aggregator)
    {
        const int devices = 4, size = 768;
        var random = new DeterministicRandom(1);
        float[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble(-0.03, 0.03))];
        var updates = new List<AdapterUpdate>();
        for (int device = 0; device < devices; device++)
        {
            int rank = 4 + 2 * device;
            int[]? rows = device % 2 == 0 ? null : [.. Enumerable.Range(0, size - 192)];
            AdapterModule[] modules = [.. Enumerable.Range(0, 2).Select(m => new AdapterModule($"layer.{m}.query", rank, 2, size, size, rows, null,
                Values((rows?.Length ?? size) * rank), Values(rank * size)))];
            updates.Add(new AdapterUpdate(device, 100 + device, new AdapterState(modules, new Dictionary<string, float[]>())));
        }

        var empty = GlobalAdapter.Empty(new Dictionary<string, float[]>());
        return new(0, 0, () => aggregator.Aggregate(empty, updates, out _));
    }
}
