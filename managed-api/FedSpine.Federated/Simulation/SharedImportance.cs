using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// The coordinator's mean of the devices' importance scores, in the base's coordinates. Devices score on their own data and, ranking alone,
/// each lose something else, so that one adapter has to serve unlike models; ranked by the mean, devices of one ratio lose nearly the same.
/// </summary>
internal static class SharedImportance
{
    /// <summary>Weight of the past in the mean: a round's participants are few.</summary>
    private const float Past = 0.5f;

    /// <summary>Part of the shared scores in a device's ranking, once there are any.</summary>
    private const float Share = 0.75f;

    /// <summary>The mean after a round; null before anyone has scored. Scores count by the devices' examples, each device's scaled to norm 1.</summary>
    public static IReadOnlyList<LayerScores>? Merge(IReadOnlyList<LayerSpec> layers, IReadOnlyList<LayerScores>? previous,
        IEnumerable<(IReadOnlyList<KeptGroups> Kept, IReadOnlyList<LayerScores> Scores, double Weight)> round)
    {
        var sums = LayerScores.Zero(layers);
        var weights = LayerScores.Zero(layers);
        bool any = false;
        foreach (var (kept, scores, weight) in round)
        {
            any = true;
            double share = weight / Norm(scores);
            for (int l = 0; l < sums.Length; l++)
            {
                Scatter(sums[l].Groups, weights[l].Groups, kept[l].KeyValueHeads, scores[l].Groups, share, weight);
                Scatter(sums[l].Channels, weights[l].Channels, kept[l].Channels, scores[l].Channels, share, weight);
            }
        }

        if (!any)
            return previous;
        for (int l = 0; l < sums.Length; l++)
        {
            Blend(sums[l].Groups, weights[l].Groups, previous?[l].Groups);
            Blend(sums[l].Channels, weights[l].Channels, previous?[l].Channels);
        }

        return sums;
    }

    /// <summary>What a device ranks by: its own scores and the shared ones, each scaled to norm 1 over what it still has.</summary>
    public static LayerScores[] Blend(LayerScores[] own, IReadOnlyList<LayerScores>? shared, IReadOnlyList<KeptGroups> kept)
    {
        if (shared is null)
            return own;
        LayerScores[] there = [.. kept.Select((k, l) => new LayerScores(Gather(shared[l].Groups, k.KeyValueHeads), Gather(shared[l].Channels, k.Channels)))];
        float a = (1 - Share) / Norm(own), b = Share / Norm(there);
        for (int l = 0; l < own.Length; l++)
        {
            Mix(own[l].Groups, there[l].Groups, a, b);
            Mix(own[l].Channels, there[l].Channels, a, b);
        }

        return own;
    }

    /// <summary>Bytes of scores on the wire: a float each.</summary>
    public static long Bytes(IReadOnlyList<KeptGroups> kept) => kept.Sum(k => 4L * (k.KeyValueHeads.Length + k.Channels.Length));

    /// <summary>Over all scores; the smallest number where they are all zero.</summary>
    private static float Norm(IReadOnlyList<LayerScores> scores)
    {
        double square = 0;
        foreach (float value in scores.SelectMany(s => s.Groups.Concat(s.Channels)))
            square += (double)value * value;
        return (float)Math.Max(Math.Sqrt(square), 1e-30);
    }

    private static void Scatter(float[] sums, float[] weights, int[] at, float[] scores, double share, double weight)
    {
        for (int i = 0; i < at.Length; i++)
        {
            sums[at[i]] += (float)(share * scores[i]);
            weights[at[i]] += (float)weight;
        }
    }

    private static void Blend(float[] sums, float[] weights, float[]? previous)
    {
        for (int i = 0; i < sums.Length; i++)
        {
            float now = weights[i] > 0 ? sums[i] / weights[i] : previous?[i] ?? 0;
            sums[i] = previous is null || weights[i] == 0 ? now : Past * previous[i] + (1 - Past) * now;
        }
    }

    private static void Mix(float[] own, float[] shared, float a, float b)
    {
        for (int i = 0; i < own.Length; i++)
            own[i] = a * own[i] + b * shared[i];
    }

    private static float[] Gather(float[] values, int[] at) => [.. at.Select(i => values[i])];
}
