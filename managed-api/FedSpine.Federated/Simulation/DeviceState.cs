using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;

namespace FedSpine.Federated.Simulation;

/// <summary>What a virtual device remembers between rounds. Its weights are the shared base cut to <see cref="Kept"/>.</summary>
internal sealed class DeviceState
{
    public required int Device { get; init; }

    /// <summary>Indices of its training examples.</summary>
    public required int[] Examples { get; init; }

    public required IReadOnlyList<KeptGroups> Kept { get; set; }

    /// <summary>Smoothed importance of what is kept; null before the first round.</summary>
    public IReadOnlyList<LayerScores>? Scores { get; set; }

    public double Ratio { get; set; }

    public int Rank { get; set; }

    public int RoundsPlayed { get; set; }
}
