using FedSpine.Engine.Models;

namespace FedSpine.Engine.Lora;

/// <summary>Which linear layers get an adapter, and of what size.</summary>
/// <param name="Rank">r, at least 1.</param>
/// <param name="Alpha">Scale s = alpha / rank.</param>
/// <param name="Targets">Roles that get factors, in every layer.</param>
public sealed record LoraSpec(int Rank, float Alpha, IReadOnlyList<LinearRole> Targets)
{
    /// <summary>Every linear layer of the blocks.</summary>
    public static IReadOnlyList<LinearRole> AllLinears { get; } = 
        [LinearRole.Query, LinearRole.Key, LinearRole.Value, LinearRole.Output, LinearRole.Gate, LinearRole.Up, LinearRole.Down];

    /// <summary>Modules whose rank or alpha differ (PEFT's rank_pattern and alpha_pattern), by full module name.</summary>
    public IReadOnlyDictionary<string, (int Rank, float Alpha)> Overrides { get; init; } = new Dictionary<string, (int, float)>();
}
