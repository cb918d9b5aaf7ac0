using FedSpine.Engine;

namespace FedSpine.Federated.Aggregation;

/// <summary>Aggregation rules by the name that options use.</summary>
public static class AggregatorFactory
{
    public static IReadOnlyList<string> Names { get; } = ["svd", "hetlora", "flora", "fedavg"];

    /// <exception cref="InputException">Unknown name.</exception>
    public static IAggregator Create(string name) => name switch
    {
        "svd" => new SvdAggregator(),
        "hetlora" => new HetLoraAggregator(),
        "flora" => new FloraAggregator(),
        "fedavg" => new FedAvgAggregator(),
        _ => throw new InputException($"unknown aggregation '{name}': expected {string.Join(", ", Names)}"),
    };
}
