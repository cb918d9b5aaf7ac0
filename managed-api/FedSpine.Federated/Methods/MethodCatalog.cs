using FedSpine.Engine;

namespace FedSpine.Federated.Methods;

/// <summary>The method of this project and those it is compared with.</summary>
public static class MethodCatalog
{
    /// <summary>
    /// Ratio and rank per device by a bandit, pruning between steps of tuning by what all devices find important, exact merging of
    /// unlike adapters, logits calibrated where devices hold unlike labels.
    /// </summary>
    public static Method FedSpine { get; } = new("fedspine", "structured-ucb", "taylor", PruningSchedule.Iterative, "svd") { IsOpen = true, SharesImportance = true, CalibratesLogits = true };

    /// <summary>LoRA of one rank, A and B averaged apart, no pruning (FedIT, Zhang et al., ICASSP 2024).</summary>
    public static Method FedLora { get; } = new("fedlora", "fixed", "taylor", PruningSchedule.None, "fedavg");

    /// <summary>A rank that suits each device's speed, zero-padded and sparsity-weighted averaging, no pruning (HetLoRA, Cho et al., EMNLP 2024).</summary>
    public static Method HetLora { get; } = new("hetlora", "tiered", "taylor", PruningSchedule.None, "hetlora");

    /// <summary>One ratio and rank for all, by the size of weights.</summary>
    public static Method FedMagnitude { get; } = new("fed-magnitude", "fixed", "magnitude", PruningSchedule.Iterative, "fedavg");

    /// <summary>One ratio and rank for all, drawn blindly.</summary>
    public static Method FedRandom { get; } = new("fed-random", "fixed", "random", PruningSchedule.Iterative, "fedavg");

    /// <summary>All at once by first-order Taylor scores of a few batches, then tuning (LLM-Pruner, Ma et al., NeurIPS 2023).</summary>
    public static Method FedLlmPruner { get; } = new("fed-llmpruner", "fixed", "taylor", PruningSchedule.OneShot, "fedavg");

    /// <summary>Step by step by the adapter's gradients, one ratio and rank for all (LoRAPrune, Zhang et al., arXiv 2305.18403).</summary>
    public static Method FedLoraPrune { get; } = new("fed-loraprune", "fixed", "lora-gradient", PruningSchedule.Iterative, "fedavg");

    public static IReadOnlyList<Method> All { get; } = [FedSpine, FedLora, HetLora, FedMagnitude, FedRandom, FedLlmPruner, FedLoraPrune];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(m => m.Name)];

    /// <exception cref="InputException">Unknown name.</exception>
    public static Method Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new InputException($"--method {name}: expected {string.Join(", ", Names)}");
}
