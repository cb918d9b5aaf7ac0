using FedSpine.Engine;

namespace FedSpine.Federated.Aggregation;

/// <summary>Aggregation rules by the name that options use.</summary>
public static class AggregatorFactory
{
    public static IReadOnlyList<string> Names { get; } = ["svd", "hetlora", "flora", "fedavg"];

    /// <param name="threads">Modules merged side by side; 0: one per core.</param>
    /// <exception cref="InputException">Unknown name.</exception>
    public static IAggregator Create(string name, int threads = 0) => name switch
    {
        "svd" => new SvdAggregator { Threads = threads },
        "hetlora" => new HetLoraAggregator { Threads = threads },
        "flora" => new FloraAggregator { Threads = threads },
        "fedavg" => new FedAvgAggregator { Threads = threads },
        _ => throw new InputException($"unknown aggregation '{name}': expected {string.Join(", ", Names)}"),
    };
}
