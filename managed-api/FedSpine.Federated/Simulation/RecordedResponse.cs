using FedSpine.Engine;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// From the rounds of real runs: loss decrease and adapter norm by ridge regression on ratio u, rank v, step d and time t (1, u, u^2, v, v^2, u v, d, d^2,
/// exp(-4 t), exp(-4 t) v, exp(-4 t) d), with what it leaves unexplained as noise; operations on what is left of the model, bytes on the rank
/// and what is left of it. Better of runs with the random policy, which go everywhere.
/// </summary>
public sealed class RecordedResponse : FleetResponse
{
    private const int Features = 11;

    private readonly LinearModel _loss = new(Features, 1e-2), _norm = new(Features, 1e-2), _flops = new(2, 1e-6), _bytes = new(4, 1e-6);
    private readonly double _flopsUnit, _bytesUnit;

    /// <param name="runs">Finished run folders of one model and target.</param>
    /// <exception cref="InputException">Runs of unlike settings, or too few rounds in them.</exception>
    public RecordedResponse(IReadOnlyList<RunFolder> runs)
    {
        var configs = runs.Select(r => SimulationConfig.Read(r.Config)).ToList();
        if (configs.Select(c => (c.TargetSparsity, c.LowestRank, c.Rank)).Distinct().Count() > 1)
            throw new InputException("the recorded runs have different target sparsities or ranks");
        if (configs.Count == 0)
            throw new InputException("no recorded run was found");
        Space = new PolicySpace(configs[0].TargetSparsity, 0.005, configs[0].LowestRank, configs[0].Rank, 1, 1);
        var plays = runs.Zip(configs).SelectMany(r => Plays(r.First, r.Second.Rounds)).ToList();
        if (plays.Count < 2 * Features)
            throw new InputException($"the recorded runs hold {plays.Count} plays, too few to learn a response from: at least {2 * Features}");
        (_flopsUnit, _bytesUnit) = (plays.Average(p => p.Flops), plays.Average(p => p.Bytes));
        Span<double> x = stackalloc double[Features];
        foreach (var p in plays)
        {
            _loss.Add(Describe(x, p.Arm, p.Before, p.Time), p.LossDecrease, 0);
            _norm.Add(x, p.Norm, 0);
            _flops.Add([1, 1 - (p.Before + p.Arm.Ratio) / 2], p.Flops / _flopsUnit, 0);
            _bytes.Add([1, p.Arm.Rank, 1 - p.Arm.Ratio, p.Arm.Rank * (1 - p.Arm.Ratio)], p.Bytes / _bytesUnit, 0);
        }

        double lossSquares = 0, normSquares = 0;
        foreach (var p in plays)
        {
            var (loss, norm) = Of(p.Arm, p.Before, p.Time);
            lossSquares += (p.LossDecrease - loss) * (p.LossDecrease - loss);
            normSquares += (p.Norm / norm - 1) * (p.Norm / norm - 1);
        }

        PlayCount = plays.Count;
        LossNoise = Math.Sqrt(lossSquares / (plays.Count - Features));
        NormNoise = Math.Sqrt(normSquares / (plays.Count - Features));
    }

    /// <summary>Target and ranks of the runs, for one device and round.</summary>
    public PolicySpace Space { get; }

    /// <summary>Participations that the response was learned from.</summary>
    public int PlayCount { get; }

    public override double LossNoise { get; }

    public override double NormNoise { get; }

    public override (double LossDecrease, double Norm) Of(Arm arm, double before, double time)
    {
        Span<double> x = stackalloc double[Features];
        Describe(x, arm, before, time);
        return (_loss.Predict(x), Math.Max(0.01, _norm.Predict(x)));
    }

    public override double Flops(Arm arm, double before) => _flopsUnit * Math.Max(0.01, _flops.Predict([1, 1 - (before + arm.Ratio) / 2]));

    public override double Bytes(Arm arm) => _bytesUnit * Math.Max(0.01, _bytes.Predict([1, arm.Rank, 1 - arm.Ratio, arm.Rank * (1 - arm.Ratio)]));

    private static IEnumerable<(Arm Arm, double Before, double Time, double LossDecrease, double Norm, double Flops, double Bytes)> Plays(RunFolder run, int rounds)
    {
        foreach (var round in RunFolderReader.ReadRounds(run))
        {
            double largest = round.Participants.Max(p => p.AdapterNorm);
            foreach (var p in round.Participants.Where(p => double.IsFinite(p.LossAfter) && p.LossBefore > 0 && largest > 0))
            {
                yield return (new Arm(p.RatioReached, p.Rank), p.RatioBefore, (round.Round - 1.0) / rounds, Math.Clamp((p.LossBefore - p.LossAfter) / p.LossBefore, -1, 1),
                    p.AdapterNorm / largest, p.TrainingTflop * 1e12, p.BytesDown + p.BytesUp);
            }
        }
    }

    private ReadOnlySpan<double> Describe(Span<double> x, Arm arm, double before, double time)
    {
        double target = Math.Max(Space.TargetRatio, 1e-9), u = arm.Ratio / target, d = (arm.Ratio - before) / target, e = Math.Exp(-4 * time);
        double v = Space.MaxRank == Space.MinRank ? 1 : Math.Log2((double)arm.Rank / Space.MinRank) / Math.Log2((double)Space.MaxRank / Space.MinRank);
        (x[0], x[1], x[2], x[3], x[4], x[5]) = (1, u, u * u, v, v * v, u * v);
        (x[6], x[7], x[8], x[9], x[10]) = (d, d * d, e, e * v, e * d);
        return x;
    }
}
