using System.Text.Json.Nodes;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>A play that a regression tree remembers; Weight is 1 when new and discounted since.</summary>
internal sealed record ArmSample(Arm Arm, double Reward, double Weight);

/// <summary>
/// A box of arms, [RatioLow, RatioHigh) x {RankLow .. RankHigh - 1}, with the discounted statistics of its plays. The box at the
/// top of the ratio axis holds the target itself. Ranks are drawn and halved on a log2 axis on which rank r fills
/// [log2 r, log2 (r + 1)), so every box is a whole number of ranks.
/// </summary>
internal sealed class ArmBox(double ratioLow, double ratioHigh, int rankLow, int rankHigh, int depth)
{
    public double RatioLow { get; } = ratioLow;

    public double RatioHigh { get; } = ratioHigh;

    public int RankLow { get; } = rankLow;

    /// <summary>Exclusive.</summary>
    public int RankHigh { get; } = rankHigh;

    public int Depth { get; } = depth;

    /// <summary>Discounted number of plays, with what the parent left.</summary>
    public double Count { get; set; }

    /// <summary>Discounted mean reward.</summary>
    public double Mean { get; set; }

    /// <summary>Remembered plays, oldest first; only regression trees keep them.</summary>
    public List<ArmSample> Samples { get; } = [];

    public double RankWidth => Math.Log2((double)RankHigh / RankLow);

    /// <summary>
    /// The whole space cut into equal cells, at most <paramref name="ratioCells"/> by <paramref name="rankCells"/>: no cell is finer
    /// than a ratio step or a rank.
    /// </summary>
    public static List<ArmBox> Grid(PolicySpace space, int ratioCells, int rankCells)
    {
        while (ratioCells > 1 && space.TargetRatio <= ratioCells * space.RatioStep)
            ratioCells--;
        rankCells = Math.Min(rankCells, space.MaxRank + 1 - space.MinRank);
        var boxes = new List<ArmBox>();
        for (int i = 0; i < ratioCells; i++)
        {
            for (int j = 0; j < rankCells; j++)
                boxes.Add(new ArmBox(RatioEdge(i), RatioEdge(i + 1), RankEdge(j), RankEdge(j + 1), 0));
        }
        return boxes;

        double RatioEdge(int i) => i == ratioCells ? space.TargetRatio : space.TargetRatio * i / ratioCells;

        int RankEdge(int j) => Math.Clamp(
            (int)Math.Round(space.MinRank * Math.Pow((space.MaxRank + 1.0) / space.MinRank, (double)j / rankCells)),
            space.MinRank + j, space.MaxRank + 1 - (rankCells - j));
    }

    public bool Contains(Arm arm, double targetRatio) =>
        arm.Rank >= RankLow && arm.Rank < RankHigh && arm.Ratio >= RatioLow && (arm.Ratio < RatioHigh || RatioHigh >= targetRatio);

    /// <summary>Wholly below what the device has already pruned.</summary>
    public bool IsMasked(double ratioNow, double targetRatio) => RatioHigh <= ratioNow && RatioHigh < targetRatio;

    public void Credit(double reward)
    {
        Count += 1;
        Mean += (reward - Mean) / Count;
    }

    /// <summary>
    /// Uniform over the part of the box that can still be reached, at or above <paramref name="ratioNow"/>. A draw within one step
    /// of the target is the target: no head or channel lies between.
    /// </summary>
    public Arm Draw(double ratioNow, PolicySpace space, DeterministicRandom random)
    {
        double low = Math.Max(RatioLow, ratioNow);
        double ratio = random.NextDouble(low, Math.Max(low, RatioHigh));
        if (space.TargetRatio - ratio < space.RatioStep)
            ratio = Math.Max(low, space.TargetRatio);
        // Uniform in log2 r; rounding in the power may land a hair outside.
        int rank = Math.Clamp((int)(RankLow * Math.Pow((double)RankHigh / RankLow, random.NextDouble())), RankLow, RankHigh - 1);
        return new Arm(ratio, rank);
    }

    public (ArmBox Low, ArmBox High) SplitRatio(double at) =>
        (new(RatioLow, at, RankLow, RankHigh, Depth + 1), new(at, RatioHigh, RankLow, RankHigh, Depth + 1));

    /// <summary><paramref name="at"/> is the upper child's smallest rank.</summary>
    public (ArmBox Low, ArmBox High) SplitRank(int at) =>
        (new(RatioLow, RatioHigh, RankLow, at, Depth + 1), new(RatioLow, RatioHigh, at, RankHigh, Depth + 1));

    public ArmStatistics Statistics(double ratioNow, double targetRatio) =>
        new(RatioLow, RatioHigh, RankLow, RankHigh, Depth, Count, Mean, IsMasked(ratioNow, targetRatio));

    public JsonNode Save() => new JsonObject
    {
        ["ratioLow"] = RatioLow,
        ["ratioHigh"] = RatioHigh,
        ["rankLow"] = RankLow,
        ["rankHigh"] = RankHigh,
        ["depth"] = Depth,
        ["count"] = Count,
        ["mean"] = Mean,
        ["samples"] = new JsonArray([.. Samples.Select(s => (JsonNode)new JsonArray(s.Arm.Ratio, s.Arm.Rank, s.Reward, s.Weight))]),
    };

    public static ArmBox Restore(JsonNode state)
    {
        var box = new ArmBox(
            PolicyState.Number(state, "ratioLow"), PolicyState.Number(state, "ratioHigh"),
            PolicyState.Integer(state, "rankLow"), PolicyState.Integer(state, "rankHigh"), PolicyState.Integer(state, "depth"))
        {
            Count = PolicyState.Number(state, "count"),
            Mean = PolicyState.Number(state, "mean"),
        };
        foreach (JsonNode sample in PolicyState.Elements(state, "samples"))
        {
            double[] s = PolicyState.Numbers(sample, "a sample", 4);
            box.Samples.Add(new ArmSample(new Arm(s[0], (int)s[1]), s[2], s[3]));
        }
        return box;
    }
}
