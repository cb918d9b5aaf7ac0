using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// The coordinator of one federation: what it knows of each device, its policy, its global adapter, its clock. Plans a round, and
/// takes the round's results in; the devices' work runs elsewhere.
/// </summary>
internal sealed class Federation(FederationSetup setup, IPolicy policy, IAggregator aggregator, double targetRatio)
{
    private const ulong SelectStream = 0x5E1EC7;

    private readonly SimulationOptions _options = setup.Options;

    public FederationSetup Setup => setup;

    public IPolicy Policy => policy;

    public IAggregator Aggregator => aggregator;

    public DeviceState[] Devices { get; } =
    [
        .. setup.Shares.Select((share, device) => new DeviceState
        {
            Device = device,
            Examples = share,
            Kept = [.. setup.Base.Spec.Layers.Select(KeptGroups.All)],
            Rank = setup.Options.Rank,
        }),
    ];

    public GlobalAdapter Global { get; set; } = GlobalAdapter.Empty(setup.InitialHead);

    /// <summary>The devices' mean scores; null where they are not shared, or not yet known.</summary>
    public IReadOnlyList<LayerScores>? Importance { get; set; }

    public double VirtualSeconds { get; set; }

    public long BytesUp { get; set; }

    public long BytesDown { get; set; }

    /// <summary>
    /// The round by which the target is asked of everyone: early enough that each device still plays, and that a quarter of the run
    /// is left to recover in.
    /// </summary>
    private readonly int _deadline = Math.Max(1, Math.Min(setup.Sampler.EveryonePlaysFrom(setup.Options.Rounds), setup.Options.Rounds * 3 / 4));

    /// <summary>
    /// The lowest ratio a device may end <paramref name="round"/> with. Policies explore between this ramp and the target; without it a
    /// device that drew low arms would miss the target when the rounds run out.
    /// </summary>
    private double Floor(int round) => targetRatio * (AtOnce ? 1 : Math.Min(1, (double)round / _deadline));

    /// <summary>
    /// The highest ratio a device may end <paramref name="round"/> with: twice the floor. What is removed before the first rounds of
    /// tuning is chosen blindly and never comes back.
    /// </summary>
    private double Ceiling(int round) => targetRatio * (AtOnce ? 1 : Math.Min(1, 2.0 * round / _deadline));

    private bool AtOnce => _options.Schedule == PruningSchedule.OneShot;

    public IReadOnlyList<LocalTask> Plan(int round)
    {
        var tasks = new List<LocalTask>();
        foreach (int number in setup.Sampler.Participants(round))
        {
            var device = Devices[number];
            var random = new DeterministicRandom(_options.Seed, SelectStream, (ulong)round, (ulong)number);
            double lowest = Math.Max(device.Ratio, Floor(round));
            var arm = policy.Select(number, lowest, round - 1, random);
            arm = arm with { Ratio = Math.Clamp(arm.Ratio, lowest, Math.Max(lowest, Ceiling(round))) };
            tasks.Add(new LocalTask(this, device, arm, round));
        }

        return tasks;
    }

    /// <summary>A device that has lost nothing and has the largest rank: what the pruned ones are measured against.</summary>
    public DeviceState WholeDevice() => new() { Device = 0, Examples = [], Kept = [.. setup.Base.Spec.Layers.Select(KeptGroups.All)], Rank = _options.Rank };

    /// <summary>The device's share of the global adapter; a freshly initialised one before anything was learned. Workers ask side by side.</summary>
    public Download DownloadFor(DeviceState device, int rank)
    {
        var shapes = setup.Shapes(device.Kept);
        var cut = aggregator.Cut(Global, shapes, rank);
        if (cut is not null && !aggregator.FoldsIntoBase)
            return new Download(new AdapterState(cut.Modules, Global.State.Head), []);
        return new Download(new AdapterState(AdapterInitializer.Fresh(shapes, rank, _options.Seed), Global.State.Head), cut?.Modules ?? []);
    }

    /// <summary>The device's share of the global adapter to merge: without modules before anything was learned.</summary>
    public AdapterState AdapterOf(DeviceState device) => aggregator.Cut(Global, setup.Shapes(device.Kept)) ?? new AdapterState([], Global.State.Head);

    /// <summary>Takes in a round's results, in task order.</summary>
    public RoundRecord Finish(int round, IReadOnlyList<LocalTask> tasks, IReadOnlyList<LocalResult> results)
    {
        var outcomes = results.Select((r, i) => new DeviceOutcome(tasks[i].Device.Device, tasks[i].Arm, tasks[i].Device.Ratio, r.RatioReached,
            r.LossBefore, r.LossAfter, r.AdapterNorm, r.Seconds, r.Flops, r.BytesDown + r.BytesUp)).ToList();
        var rewards = policy.Observe(outcomes);
        // A device that diverged is left out, and stays as it was.
        var updates = results.Select((r, i) => new AdapterUpdate(tasks[i].Device.Device, r.Examples, r.State)).ToList();
        Global = aggregator.Aggregate(Global, [.. updates.Where(u => u.IsFinite)], out double error);
        if (_options.ShareImportance!.Value)
        {
            Importance = SharedImportance.Merge(setup.Base.Spec.Layers, Importance,
                results.Where((r, i) => r.Scored && updates[i].IsFinite).Select(r => (r.Kept, r.Scores!, (double)r.Examples)));
        }

        var participants = results.Select((r, i) => Record(tasks[i], r, rewards[i])).ToList();
        for (int i = 0; i < tasks.Count; i++)
        {
            var device = tasks[i].Device;
            device.RoundsPlayed++;
            if (!updates[i].IsFinite)
                continue;
            (device.Kept, device.Scores, device.Ratio, device.Rank) = (results[i].Kept, results[i].Scores, results[i].RatioReached, tasks[i].Arm.Rank);
        }

        var slowest = participants.MaxBy(p => p.Seconds)!;
        VirtualSeconds += slowest.Seconds;
        BytesUp += participants.Sum(p => p.BytesUp);
        BytesDown += participants.Sum(p => p.BytesDown);
        return new RoundRecord
        {
            Round = round,
            VirtualSeconds = VirtualSeconds,
            RoundSeconds = slowest.Seconds,
            SlowestDevice = slowest.Device,
            Accuracy = null,
            Perplexity = null,
            TestLoss = null,
            MeanSparsity = Devices.Average(d => d.Ratio),
            AggregationError = error,
            Participants = participants,
            Sparsity = [.. Devices.Select(d => d.Ratio)],
            WallSeconds = 0,
        };
    }

    private ParticipantRecord Record(LocalTask task, LocalResult r, double reward) => new()
    {
        Device = task.Device.Device,
        Class = setup.Fleet[task.Device.Device].Class,
        Ratio = task.Arm.Ratio,
        Rank = task.Arm.Rank,
        RatioBefore = task.Device.Ratio,
        RatioReached = r.RatioReached,
        LossBefore = r.LossBefore,
        LossAfter = r.LossAfter,
        Reward = reward,
        AdapterNorm = r.AdapterNorm,
        Examples = r.Examples,
        ComputeSeconds = r.ComputeSeconds,
        DownloadSeconds = r.DownloadSeconds,
        UploadSeconds = r.UploadSeconds,
        BytesDown = r.BytesDown,
        BytesUp = r.BytesUp,
        TrainingTflop = r.Flops / 1e12,
        Parameters = r.Parameters,
        VoidSteps = r.VoidSteps,
        TrainingBytes = r.TrainingBytes,
    };
}
