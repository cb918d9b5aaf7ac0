using System.Diagnostics;
using FedSpine.Engine;
using FedSpine.Federated.Policies;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// Policies alone: the fleet's devices answer by a <see cref="FleetResponse"/>, with noise, instead of training; the rates are the simulated
/// fleet's own, which vary from round to round.
/// </summary>
public sealed class SyntheticFleet
{
    private const ulong ChoiceStream = 0xC401CE, NoiseStream = 0x4015E;

    /// <summary>The oracle and the regret look at so many ratios, and at every rank.</summary>
    private const int RatioChoices = 16;

    private readonly PolicySpace _space;
    private readonly Fleet _fleet;
    private readonly FleetResponse _response;
    private readonly double _participation;
    private readonly ulong _seed;
    private readonly double[] _ratio;
    private double _meanSeconds;

    /// <param name="space">Search space, with the devices and rounds.</param>
    /// <param name="fleet">A name of <see cref="Fleet.Names"/>.</param>
    /// <param name="participation">Share of the devices in a round.</param>
    /// <param name="seed">Of the fleet, the noise and the policy's draws.</param>
    /// <param name="response">Null: <see cref="FormulaResponse"/>.</param>
    public SyntheticFleet(PolicySpace space, string fleet, double participation, ulong seed, FleetResponse? response = null)
    {
        space.Check();
        (_space, _participation, _seed) = (space, participation, seed);
        _fleet = Fleet.Create(fleet, space.Devices, seed);
        _response = response ?? new FormulaResponse(space);
        _ratio = new double[space.Devices];
    }

    /// <summary>As the devices report them.</summary>
    public IReadOnlyList<int> Classes => _fleet.Classes;

    /// <summary>Worth of an arm in the coming round, for the oracle policy: its expected reward, not standardised.</summary>
    public double Worth(int device, Arm arm, int round) => ExpectedReward(device, arm, _ratio[device], round, _meanSeconds);

    /// <summary>Runs all rounds.</summary>
    /// <param name="create">Makes the policy; the oracle's worth is given.</param>
    /// <param name="withRegret">Values every arm of every play, which takes far longer than the policy.</param>
    public SyntheticPlay Play(Func<Func<int, Arm, double>, IPolicy> create, bool withRegret)
    {
        int round = 0;
        var policy = create((device, arm) => Worth(device, arm, round));
        var sampler = new ParticipantSampler(_space.Devices, _participation, _seed);
        int deadline = Math.Max(1, Math.Min(sampler.EveryonePlaysFrom(_space.Rounds), _space.Rounds * 3 / 4));
        var noise = new DeterministicRandom(_seed, NoiseStream);
        var regret = new List<double>();
        var seconds = new List<double>();
        double virtualSeconds = 0;
        for (; round < _space.Rounds; round++)
        {
            int[] participants = [.. sampler.Participants(round + 1)];
            // The same corridor as in Federation: everyone reaches the target, nobody rushes to it.
            double floor = _space.TargetRatio * Math.Min(1, (round + 1.0) / deadline), ceiling = _space.TargetRatio * Math.Min(1, 2 * (round + 1.0) / deadline);
            if (_meanSeconds == 0)
                _meanSeconds = participants.Average(d => ExpectedSeconds(d, new Arm(floor, _space.MaxRank), 0));
            long started = Stopwatch.GetTimestamp();
            var arms = participants.Select(device =>
            {
                double lowest = Math.Max(_ratio[device], floor);
                var arm = policy.Select(device, lowest, round, new DeterministicRandom(_seed, ChoiceStream, (ulong)round, (ulong)device));
                return arm with { Ratio = Math.Clamp(arm.Ratio, lowest, Math.Max(lowest, ceiling)) };
            }).ToArray();
            double choosing = Stopwatch.GetElapsedTime(started).TotalSeconds;

            _meanSeconds = participants.Select((device, i) => ExpectedSeconds(device, arms[i], _ratio[device])).Average();
            if (withRegret)
                regret.Add(participants.Select((device, i) => Regret(device, arms[i], Math.Max(_ratio[device], floor), ceiling, round)).Average());
            DeviceOutcome[] outcomes = [.. participants.Select((device, i) => Outcome(device, arms[i], round, noise))];
            started = Stopwatch.GetTimestamp();
            policy.Observe(outcomes);
            seconds.Add(choosing + Stopwatch.GetElapsedTime(started).TotalSeconds);
            virtualSeconds += outcomes.Max(o => o.Seconds);
            foreach (var outcome in outcomes)
                _ratio[outcome.Device] = outcome.RatioReached;
        }

        return new SyntheticPlay(policy, regret, seconds, virtualSeconds, _ratio.Average());
    }

    private double Regret(int device, Arm played, double lowest, double ceiling, int round)
    {
        double best = double.NegativeInfinity, highest = Math.Max(lowest, ceiling);
        for (int step = 0; step <= RatioChoices; step++)
        {
            for (int rank = _space.MinRank; rank <= _space.MaxRank; rank++)
                best = Math.Max(best, ExpectedReward(device, new Arm(lowest + (highest - lowest) * step / RatioChoices, rank), _ratio[device], round, _meanSeconds));
        }

        return Math.Max(0, best - ExpectedReward(device, played, _ratio[device], round, _meanSeconds));
    }

    /// <summary>q / (1 + lateness) of the expected loss, norm and time.</summary>
    private double ExpectedReward(int device, Arm arm, double before, int round, double meanSeconds)
    {
        var (loss, norm) = Response(arm, before, round);
        double left = _space.TargetRatio - before;
        double progress = left > 1e-9 ? Math.Clamp((arm.Ratio - before) / left, 0, 1) : 1;
        var weights = new RewardWeights();
        double quality = weights.Loss * loss + weights.Pruning * progress + weights.Importance * norm;
        double lateness = Math.Abs(ExpectedSeconds(device, arm, before) - meanSeconds) / meanSeconds;
        return quality >= 0 ? quality / (1 + lateness) : quality * (1 + lateness);
    }

    private DeviceOutcome Outcome(int device, Arm arm, int round, DeterministicRandom noise)
    {
        double before = _ratio[device], flops = _response.Flops(arm, before), bytes = _response.Bytes(arm);
        var (loss, norm) = Response(arm, before, round);
        var conditions = _fleet.Conditions(device, round);
        double decrease = Math.Min(loss + _response.LossNoise * noise.NextGaussian(), 1), size = Math.Max(0, norm * (1 + _response.NormNoise * noise.NextGaussian()));
        return new DeviceOutcome(device, arm, before, arm.Ratio, 1, 1 - decrease, size,
            conditions.ComputeSeconds(flops) + bytes / conditions.BytesPerSecond, flops, bytes);
    }

    private (double LossDecrease, double Norm) Response(Arm arm, double before, int round) => _response.Of(arm, before, (double)round / _space.Rounds);

    /// <summary>Over the rounds' conditions: 1 / rate in the mean, of uniform rates ln(high / low) / (high - low).</summary>
    private double ExpectedSeconds(int device, Arm arm, double before) =>
        _response.Flops(arm, before) / (_fleet[device].PeakGflops * 1e9) * MeanInverse(DeviceProfile.SustainedLow, DeviceProfile.SustainedHigh)
        + _response.Bytes(arm) * 8e-6 * MeanInverse(DeviceProfile.BandwidthLow, DeviceProfile.BandwidthHigh);

    private static double MeanInverse(double low, double high) => Math.Log(high / low) / (high - low);
}

/// <summary>What came of a policy on a synthetic fleet.</summary>
/// <param name="Policy">As it is after the last round.</param>
/// <param name="Regret">Of each round: best expected reward less that of the arm played, at the round's mean time, in the mean over the participants.</param>
/// <param name="RoundSeconds">Time that the policy took in each round, to choose for all and to learn.</param>
/// <param name="VirtualSeconds">Sum over the rounds of the slowest participant's time.</param>
/// <param name="MeanRatio">Of all devices at the end.</param>
public sealed record SyntheticPlay(IPolicy Policy, IReadOnlyList<double> Regret, IReadOnlyList<double> RoundSeconds, double VirtualSeconds, double MeanRatio);
