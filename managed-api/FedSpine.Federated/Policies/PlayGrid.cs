using System.Text.Json.Nodes;

namespace FedSpine.Federated.Policies;

/// <summary>Where in (ratio, rank) each owner was played and what it was worth, for reports: plays and sums of rewards on a fixed grid.</summary>
internal sealed class PlayGrid(PolicySpace space, int owners)
{
    private const int Ratios = 5, Ranks = 4, Cells = Ratios * Ranks;

    private readonly float[] _plays = new float[owners * Cells], _rewards = new float[owners * Cells];

    public void Add(int owner, Arm arm, double reward)
    {
        int cell = owner * Cells + Index(arm);
        _plays[cell]++;
        _rewards[cell] += (float)reward;
    }

    /// <summary>Cells that were never played are left out.</summary>
    public IReadOnlyList<ArmStatistics> Statistics(int owner) =>
    [
        .. Enumerable.Range(0, Cells).Where(c => _plays[owner * Cells + c] > 0).Select(c =>
        {
            int ratio = c / Ranks, rank = c % Ranks;
            float plays = _plays[owner * Cells + c];
            return new ArmStatistics(space.TargetRatio * ratio / Ratios, space.TargetRatio * (ratio + 1) / Ratios, Edge(rank), Edge(rank + 1), 0, plays, _rewards[owner * Cells + c] / plays, false);
        }),
    ];

    public JsonNode Save() => new JsonArray([.. _plays.Concat(_rewards).Select(v => (JsonNode)(double)v)]);

    public void Restore(JsonNode state)
    {
        double[] values = PolicyState.Numbers(state, "plays", 2 * _plays.Length);
        for (int i = 0; i < _plays.Length; i++)
            (_plays[i], _rewards[i]) = ((float)values[i], (float)values[_plays.Length + i]);
    }

    private int Index(Arm arm)
    {
        int ratio = space.TargetRatio <= 0 ? 0 : Math.Clamp((int)(arm.Ratio / space.TargetRatio * Ratios), 0, Ratios - 1), rank = 0;
        while (rank < Ranks - 1 && arm.Rank >= Edge(rank + 1))
            rank++;
        return ratio * Ranks + rank;
    }

    /// <summary>Ranks are told apart on their log axis.</summary>
    private double Edge(int rank) => space.MinRank * Math.Pow((double)space.MaxRank / space.MinRank, (double)rank / Ranks);
}
