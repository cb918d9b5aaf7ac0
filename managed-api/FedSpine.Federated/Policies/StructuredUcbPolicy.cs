using System.Text.Json.Nodes;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Constants of <see cref="StructuredUcbPolicy"/>.</summary>
public sealed record StructuredUcbOptions
{
    /// <summary>
    /// Optimism adds a half-normal draw of this scale, in standard deviations of the quality's mean: anew for every choice, as
    /// devices that choose at once by equal bounds choose alike, and a round of equal arms teaches nothing of the others.
    /// </summary>
    public double QualityOptimism { get; init; } = 0.5;

    /// <summary>Standard deviations of the time's mean that optimism takes off the lateness.</summary>
    public double TimeOptimism { get; init; } = 0.25;

    /// <summary>Factor of older observations per round, for the shared response, and per play for a device's times.</summary>
    public double Discount { get; init; } = 0.97;

    public RewardWeights Weights { get; init; } = new();
}

/// <summary>
/// Upper confidence bounds with structure: a device's time is linear in its work (<see cref="DeviceTimes"/>), and the quality of an
/// arm is one Bayesian linear response to ratio and rank that all devices share (LinUCB's confidence, Li et al., WWW 2010), so that
/// tens of rounds are enough; how far up its bound a choice looks is drawn (RandUCB, Vaswani et al., AISTATS 2020). Of the reward of <see cref="Rewards.Spine"/> the pruning progress is known; loss and importance are
/// learned. Picks the arm with the largest optimistic reward: quality at its upper bound, and the time as close to the
/// fleet's mean as its bounds allow. Work of an arm is learned from the reported FLOPs and bytes; nothing is known of any device.
/// </summary>
public sealed class StructuredUcbPolicy : IPolicy
{
    private const int RatioChoices = 16, RankChoices = 8, ResponseFeatures = 7;

    /// <summary>Weight of the newest round in the fleet's mean time.</summary>
    private const double MeanTimeGain = 0.5;

    private readonly PolicySpace _space;
    private readonly StructuredUcbOptions _options;
    private readonly int[] _owner; // (Devices)
    private readonly int[] _ranks; // candidates, ascending
    private readonly LinearModel _response = new(ResponseFeatures, 0.1);
    private readonly LinearModel _flops = new(2, 1e-3), _bytes = new(4, 1e-3);
    private readonly DeviceTimes _times;
    private readonly PlayGrid _plays;
    private double _flopsUnit, _bytesUnit, _secondsUnit, _meanSeconds; // 0 before the first round

    /// <param name="space">Search space.</param>
    /// <param name="options">Constants.</param>
    /// <param name="classes">Class of each device; devices of a class share their times. Null: every device alone.</param>
    public StructuredUcbPolicy(PolicySpace space, StructuredUcbOptions? options = null, IReadOnlyList<int>? classes = null)
    {
        space.Check();
        if (classes is not null && classes.Count != space.Devices)
            throw new ArgumentException($"{classes.Count} device classes for {space.Devices} devices", nameof(classes));
        (_space, _options) = (space, options ?? new StructuredUcbOptions());
        _owner = [.. classes ?? Enumerable.Range(0, space.Devices)];
        _ranks = [.. Enumerable.Range(0, RankChoices)
            .Select(i => (int)Math.Round(space.MinRank * Math.Pow((double)space.MaxRank / space.MinRank, i / (RankChoices - 1.0)))).Distinct()];
        _times = new DeviceTimes(_owner.Max() + 1, _options.Discount);
        _plays = new PlayGrid(space, _owner.Max() + 1);
    }

    public string Name => "structured-ucb";

    public Arm Select(int device, double ratioNow, int round, DeterministicRandom random)
    {
        double range = Math.Max(0, _space.TargetRatio - ratioNow);
        int steps = range <= 0 ? 0 : (int)Math.Clamp(Math.Floor(range / Math.Max(_space.RatioStep, range / RatioChoices)), 1, RatioChoices);
        Arm Candidate(int step, int rank) => new(step == steps ? Math.Max(ratioNow, _space.TargetRatio) : ratioNow + range * step / steps, _ranks[rank]);
        if (_response.Weight == 0) // nothing is known: spread the first plays
            return Candidate(random.NextInt(steps + 1), random.NextInt(_ranks.Length));

        double optimism = _options.QualityOptimism * Math.Abs(random.NextGaussian());
        var best = Candidate(0, 0);
        double largest = double.NegativeInfinity;
        for (int step = 0; step <= steps; step++)
        {
            for (int rank = 0; rank < _ranks.Length; rank++)
            {
                var arm = Candidate(step, rank);
                double value = Optimistic(device, ratioNow, arm, optimism);
                if (value > largest)
                    (best, largest) = (arm, value);
            }
        }

        return best;
    }

    public IReadOnlyList<double> Observe(IReadOnlyList<DeviceOutcome> round)
    {
        double[] rewards = Rewards.Spine(round, _space.TargetRatio, _options.Weights);
        var valid = round.Where(IsValid).ToList();
        if (valid.Count == 0)
            return rewards;
        for (int i = 0; i < rewards.Length; i++)
        {
            if (IsValid(round[i]))
                _plays.Add(_owner[round[i].Device], Reached(round[i]), rewards[i]);
        }

        double mean = valid.Average(o => o.Seconds), largestNorm = valid.Max(o => o.AdapterNorm);
        if (_secondsUnit == 0)
            (_secondsUnit, _flopsUnit, _bytesUnit, _meanSeconds) = (mean, valid.Average(Flops), valid.Average(Bytes), 1);
        // All errors first: predictions are judged by what was known before the round.
        double[] errors = [.. valid.Select(o => Learned(o, largestNorm) - PredictLearned(o.RatioBefore, Reached(o)))];
        _response.Discount(_options.Discount);
        _flops.Discount(_options.Discount);
        _bytes.Discount(_options.Discount);
        Span<double> x = stackalloc double[ResponseFeatures];
        for (int i = 0; i < valid.Count; i++)
        {
            var o = valid[i];
            var reached = Reached(o);
            _response.Add(Response(x, o.RatioBefore, reached), Learned(o, largestNorm), errors[i]);
            _flops.Add(FlopsFeatures(x, o.RatioBefore, reached), Flops(o) / _flopsUnit, 0);
            _bytes.Add(BytesFeatures(x, reached), Bytes(o) / _bytesUnit, 0);
        }

        _times.Learn([.. valid.Select(o => (_owner[o.Device], Flops(o) / _flopsUnit, Bytes(o) / _bytesUnit, o.Seconds / _secondsUnit))]);
        // Of expected times: those of a single round vary with the links of the day.
        double expected = valid.Average(o => _times.Predict(_owner[o.Device], Flops(o) / _flopsUnit, Bytes(o) / _bytesUnit).Seconds);
        _meanSeconds += MeanTimeGain * (expected - _meanSeconds);
        return rewards;
    }

    /// <summary>Where it played: arms have no statistics of their own, but are valued anew for every choice.</summary>
    public IReadOnlyList<ArmStatistics> Arms(int device) => _plays.Statistics(_owner[device]);

    /// <summary>Expected completion time of a device's round, in seconds; NaN before the first observation.</summary>
    public double ExpectedSeconds(int device, double ratioNow, Arm arm) =>
        _secondsUnit == 0 ? double.NaN : _secondsUnit * Times(device, ratioNow, arm).Seconds;

    public JsonNode Save() => new JsonObject
    {
        ["policy"] = Name,
        ["response"] = _response.Save(),
        ["flops"] = _flops.Save(),
        ["bytes"] = _bytes.Save(),
        ["times"] = _times.Save(),
        ["plays"] = _plays.Save(),
        ["units"] = new JsonArray(_flopsUnit, _bytesUnit, _secondsUnit, _meanSeconds),
    };

    public void Restore(JsonNode state)
    {
        PolicyState.CheckName(state, Name);
        _response.Restore(PolicyState.Member(state, "response"), "response");
        _flops.Restore(PolicyState.Member(state, "flops"), "flops");
        _bytes.Restore(PolicyState.Member(state, "bytes"), "bytes");
        _times.Restore(PolicyState.Member(state, "times"));
        _plays.Restore(PolicyState.Member(state, "plays"));
        double[] units = PolicyState.Numbers(PolicyState.Member(state, "units"), "units", 4);
        (_flopsUnit, _bytesUnit, _secondsUnit, _meanSeconds) = (units[0], units[1], units[2], units[3]);
    }

    private double Optimistic(int device, double ratioNow, Arm arm, double optimism)
    {
        Span<double> features = stackalloc double[ResponseFeatures];
        var x = Response(features, ratioNow, arm);
        double left = _space.TargetRatio - ratioNow;
        double progress = left > 1e-9 ? Math.Clamp((arm.Ratio - ratioNow) / left, 0, 1) : 1;
        double quality = _response.Predict(x) + optimism * Math.Sqrt(_response.Noise * _response.Uncertainty(x))
            + _options.Weights.Pruning * progress;
        var (seconds, uncertainty) = Times(device, ratioNow, arm);
        double room = _options.TimeOptimism * _times.Noise * Math.Sqrt(uncertainty);
        double lateness = Math.Max(0, Math.Abs(seconds - _meanSeconds) - room) / _meanSeconds;
        return quality >= 0 ? quality / (1 + lateness) : quality * (1 + lateness);
    }

    private (double Seconds, double Uncertainty) Times(int device, double ratioNow, Arm arm)
    {
        Span<double> x = stackalloc double[ResponseFeatures];
        double flops = Math.Max(0, _flops.Predict(FlopsFeatures(x, ratioNow, arm)));
        return _times.Predict(_owner[device], flops, Math.Max(0, _bytes.Predict(BytesFeatures(x, arm))));
    }

    private double PredictLearned(double before, Arm arm)
    {
        Span<double> x = stackalloc double[ResponseFeatures];
        return _response.Predict(Response(x, before, arm));
    }

    /// <summary>The part of the quality that is learned: loss decrease and importance, weighted.</summary>
    private double Learned(DeviceOutcome o, double largestNorm) => _options.Weights.Loss * Rewards.LossDecrease(o)
        + _options.Weights.Importance * (largestNorm > 0 ? o.AdapterNorm / largestNorm : 0);

    private static bool IsValid(DeviceOutcome o) => double.IsFinite(o.LossAfter) && double.IsFinite(o.AdapterNorm) && o.Seconds > 0 && double.IsFinite(o.Seconds);

    private static Arm Reached(DeviceOutcome o) => o.Arm with { Ratio = o.RatioReached };

    /// <summary>1, u, u^2, v, v^2, u v, d: u the ratio over the target, v the rank on its log axis in [0, 1], d the step in u.</summary>
    private ReadOnlySpan<double> Response(Span<double> x, double before, Arm arm)
    {
        double target = Math.Max(_space.TargetRatio, 1e-9), u = arm.Ratio / target;
        double v = _space.MaxRank == _space.MinRank ? 0 : Math.Log2((double)arm.Rank / _space.MinRank) / Math.Log2((double)_space.MaxRank / _space.MinRank);
        (x[0], x[1], x[2], x[3], x[4], x[5], x[6]) = (1, u, u * u, v, v * v, u * v, (arm.Ratio - before) / target);
        return x;
    }

    /// <summary>What is left of the model, in the mean over the round.</summary>
    private static ReadOnlySpan<double> FlopsFeatures(Span<double> x, double before, Arm arm)
    {
        (x[0], x[1]) = (1, 1 - (before + arm.Ratio) / 2);
        return x[..2];
    }

    /// <summary>The head, what goes whatever the rank, the adapter, and what pruning takes off both.</summary>
    private ReadOnlySpan<double> BytesFeatures(Span<double> x, Arm arm)
    {
        double rank = (double)arm.Rank / _space.MaxRank;
        (x[0], x[1], x[2], x[3]) = (1, rank, 1 - arm.Ratio, rank * (1 - arm.Ratio));
        return x[..4];
    }

    /// <summary>As reported; where nothing is reported, what is left of the model stands for it.</summary>
    private static double Flops(DeviceOutcome o) => o.Flops > 0 ? o.Flops : 1 - (o.RatioBefore + o.RatioReached) / 2;

    private static double Bytes(DeviceOutcome o) => o.Bytes > 0 ? o.Bytes : o.Arm.Rank;
}
