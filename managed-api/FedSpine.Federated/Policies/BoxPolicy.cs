using System.Text.Json.Nodes;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>
/// A bandit whose arms are boxes that partition the space of (p, log2 r), one partition per device or per device class. A round
/// selects a box and draws an arm in it; an observed reward is credited to the box that holds the arm. Statistics are discounted
/// once for every round in which their owner plays: time passes for a bandit when it learns.
/// </summary>
public abstract class BoxPolicy : IPolicy
{
    private readonly double _discount;
    private readonly int[] _owner;      // (Devices): index into _boxes
    private readonly List<ArmBox>[] _boxes;
    private readonly double[] _ratio;   // (Devices): latest known, for reports

    /// <param name="name">As in <see cref="PolicyFactory.Names"/>.</param>
    /// <param name="space">Search space.</param>
    /// <param name="discount">Factor of counts per round, (0, 1].</param>
    /// <param name="classes">Class of each device; devices of a class learn together. Null: every device alone.</param>
    /// <param name="ratioCells">Boxes to start with along the ratio, at most.</param>
    /// <param name="rankCells">Boxes to start with along the rank, at most.</param>
    private protected BoxPolicy(
        string name, PolicySpace space, double discount, IReadOnlyList<int>? classes, int ratioCells = 1, int rankCells = 1)
    {
        space.Check();
        if (classes is not null && classes.Count != space.Devices)
            throw new ArgumentException($"{classes.Count} device classes for {space.Devices} devices", nameof(classes));
        Name = name;
        Space = space;
        _discount = discount;
        _owner = [.. classes ?? Enumerable.Range(0, space.Devices)];
        _ratio = new double[space.Devices];
        _boxes = new List<ArmBox>[space.Devices == 0 ? 0 : _owner.Max() + 1];
        for (int i = 0; i < _boxes.Length; i++)
            _boxes[i] = ArmBox.Grid(space, ratioCells, rankCells);
    }

    public string Name { get; }

    protected PolicySpace Space { get; }

    public Arm Select(int device, double ratioNow, int round, DeterministicRandom random)
    {
        _ratio[device] = ratioNow;
        List<ArmBox> boxes = _boxes[_owner[device]];
        List<ArmBox> selectable = boxes.FindAll(box => !box.IsMasked(ratioNow, Space.TargetRatio));
        return Choose(boxes, selectable, random).Draw(ratioNow, Space, random);
    }

    public IReadOnlyList<double> Observe(IReadOnlyList<DeviceOutcome> round)
    {
        double[] rewards = Reward(round);
        Learn([.. round.Select((outcome, i) => (outcome.Device, outcome.Arm, rewards[i]))]);
        foreach (DeviceOutcome outcome in round)
            _ratio[outcome.Device] = Math.Max(_ratio[outcome.Device], outcome.RatioReached);
        return rewards;
    }

    public IReadOnlyList<ArmStatistics> Arms(int device) =>
        [.. _boxes[_owner[device]].Select(box => box.Statistics(_ratio[device], Space.TargetRatio))];

    public JsonNode Save() => new JsonObject
    {
        ["policy"] = Name,
        ["ratio"] = new JsonArray([.. _ratio.Select(r => (JsonNode)r)]),
        ["boxes"] = new JsonArray([.. _boxes.Select(list => (JsonNode)new JsonArray([.. list.Select(box => box.Save())]))]),
    };

    public void Restore(JsonNode state)
    {
        PolicyState.CheckName(state, Name);
        PolicyState.Numbers(PolicyState.Member(state, "ratio"), "ratio", _ratio.Length).CopyTo(_ratio, 0);
        IReadOnlyList<JsonNode> owners = PolicyState.Elements(state, "boxes");
        if (owners.Count != _boxes.Length)
            throw new InputException($"the saved policy '{Name}' has {owners.Count} sets of arms, this run has {_boxes.Length}");
        for (int i = 0; i < _boxes.Length; i++)
        {
            if (owners[i] is not JsonArray { Count: > 0 } list)
                throw new InputException($"policy state: boxes[{i}] is not a list of boxes");
            _boxes[i] = [.. list.Select(box => ArmBox.Restore(box ?? throw new InputException($"policy state: boxes[{i}] has a null")))];
            if (!Covers(_boxes[i]))
                throw new InputException($"policy state: boxes[{i}] does not cover ratios 0 to {Space.TargetRatio} and ranks {Space.MinRank} "
                    + $"to {Space.MaxRank}; was the state saved with other limits?");
        }
    }

    /// <summary>One round of plays with their rewards, in order: what <see cref="Observe"/> does once it has the rewards.</summary>
    internal void Learn(IReadOnlyList<(int Device, Arm Arm, double Reward)> plays)
    {
        var discounted = new bool[_boxes.Length];
        foreach ((int device, Arm arm, double reward) in plays)
        {
            List<ArmBox> boxes = _boxes[_owner[device]];
            if (!discounted[_owner[device]])
                foreach (ArmBox box in boxes)
                    Discount(box, _discount);
            discounted[_owner[device]] = true;

            Arm inside = new(Math.Clamp(arm.Ratio, 0, Space.TargetRatio), Math.Clamp(arm.Rank, Space.MinRank, Space.MaxRank));
            int played = boxes.FindIndex(box => box.Contains(inside, Space.TargetRatio));
            boxes[played].Credit(reward);
            if (Refine(boxes[played], inside, reward) is var (low, high))
            {
                boxes[played] = low;
                boxes.Insert(played + 1, high);
            }
        }
    }

    private bool Covers(List<ArmBox> boxes)
    {
        double ranks = 0, area = 0;
        foreach (ArmBox box in boxes)
        {
            if (box.RatioLow < 0 || box.RatioHigh > Space.TargetRatio || box.RankLow < Space.MinRank || box.RankHigh > Space.MaxRank + 1)
                return false;
            ranks += box.RankHigh - box.RankLow;
            area += (box.RatioHigh - box.RatioLow) * (box.RankHigh - box.RankLow);
        }
        int all = Space.MaxRank + 1 - Space.MinRank;
        return ranks >= all && Math.Abs(area - Space.TargetRatio * all) <= 1e-9 * all;
    }

    /// <summary>Picks one of <paramref name="selectable"/>, which is never empty; <paramref name="all"/> includes masked ones.</summary>
    private protected abstract ArmBox Choose(List<ArmBox> all, List<ArmBox> selectable, DeterministicRandom random);

    private protected abstract double[] Reward(IReadOnlyList<DeviceOutcome> round);

    /// <summary>The children that replace a box after a play, with their statistics; null to keep it.</summary>
    private protected virtual (ArmBox Low, ArmBox High)? Refine(ArmBox box, Arm arm, double reward) => null;

    private protected virtual void Discount(ArmBox box, double factor) => box.Count *= factor;

    /// <summary>The box with the largest index; ties are broken by a draw, or boxes fresh from a split would favour small ratios.</summary>
    private protected static ArmBox Largest(List<ArmBox> boxes, Func<ArmBox, double> index, DeterministicRandom random)
    {
        ArmBox best = boxes[0];
        double largest = double.NegativeInfinity;
        int ties = 0;
        foreach (ArmBox box in boxes)
        {
            double value = index(box);
            if (value > largest)
                (best, largest, ties) = (box, value, 1);
            else if (value == largest && random.NextInt(++ties) == 0)
                best = box;
        }
        return best;
    }

    /// <summary>sqrt(ln(sum N) / N), infinite for an unplayed box.</summary>
    private protected static double ConfidenceRadius(double total, double count) => 
        count > 0 ? Math.Sqrt(Math.Log(Math.Max(total, 1)) / count) : double.PositiveInfinity;
}
