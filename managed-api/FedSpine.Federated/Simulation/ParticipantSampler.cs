using FedSpine.Engine;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// Who takes part in a round: random, but in turns, so that every device has played once before any plays again. A pure function
/// of seed and round.
/// </summary>
public sealed class ParticipantSampler(int devices, double participation, ulong seed)
{
    private const ulong Stream = 0x5A3B;

    /// <summary>Participants in each round.</summary>
    public int PerRound { get; } = Math.Clamp((int)Math.Round(devices * participation), 1, devices);

    /// <summary>The latest round from which on, up to <paramref name="rounds"/>, every device still plays; 1 when not all do at all.</summary>
    public int EveryonePlaysFrom(int rounds)
    {
        var seen = new HashSet<int>();
        int round = rounds;
        for (; round >= 1 && seen.Count < devices; round--)
            seen.UnionWith(Participants(round));
        return round + 1;
    }

    /// <summary>Device numbers of round <paramref name="round"/> (from 1), ascending.</summary>
    public int[] Participants(int round)
    {
        // A turn deals all devices into rounds; when the count does not divide, the last round of a turn is filled with devices
        // that come first in the next turn.
        long first = (long)(round - 1) * PerRound, turn = first / devices;
        var chosen = new HashSet<int>(PerRound);
        int[] order = Turn(turn);
        for (long at = first; chosen.Count < PerRound; at++)
        {
            if (at / devices != turn)
                order = Turn(turn = at / devices);
            chosen.Add(order[at % devices]);
        }

        return [.. chosen.Order()];
    }

    private int[] Turn(long turn)
    {
        int[] order = [.. Enumerable.Range(0, devices)];
        new DeterministicRandom(seed, Stream, (ulong)turn).Shuffle<int>(order);
        return order;
    }
}
