using FedSpine.Engine;

namespace FedSpine.Federated.Simulation;

/// <summary>A kind of device. Rates vary from round to round: power mode, heat, other work.</summary>
/// <param name="Class">Name in reports.</param>
/// <param name="PeakGflops">float32 peak, 10^9 operations a second (cores x 2 x clock).</param>
/// <param name="Share">Relative frequency in the fleet.</param>
public sealed record DeviceProfile(string Class, double PeakGflops, int Share)
{
    /// <summary>Sustained fraction of the peak, drawn uniformly per round.</summary>
    public const double SustainedLow = 0.2, SustainedHigh = 0.5;

    /// <summary>Megabits a second, drawn uniformly per round.</summary>
    public const double BandwidthLow = 1, BandwidthHigh = 30;
}

/// <summary>What a device could do in one round. Known to the virtual clock, never to a policy.</summary>
public readonly record struct RoundConditions(double FlopsPerSecond, double BytesPerSecond)
{
    public double ComputeSeconds(double flops) => flops / FlopsPerSecond;

    public double TransferSeconds(long bytes) => bytes / BytesPerSecond;
}

/// <summary>The devices of a run: who is of which kind, and how fast each is in each round.</summary>
public sealed class Fleet
{
    private const ulong Stream = 0xF1EE7;

    // Peaks: 256 x 2 x 1.30 GHz, 384 x 2 x 1.10 GHz, 512 x 2 x 1.377 GHz.
    private static readonly DeviceProfile[] Jetsons =
    [
        new("Jetson TX2", 666, 3),
        new("Xavier NX", 845, 4),
        new("AGX Xavier", 1410, 1),
    ];

    private readonly DeviceProfile[] _devices;
    private readonly ulong _seed;

    private Fleet(DeviceProfile[] devices, ulong seed)
    {
        _devices = devices;
        _seed = seed;
    }

    public static IReadOnlyList<string> Names { get; } = ["jetson", "uniform"];

    public int Count => _devices.Length;

    /// <summary>The number of each device's kind, in the order in which the kinds first appear.</summary>
    public IReadOnlyList<int> Classes
    {
        get
        {
            var names = _devices.Select(d => d.Class).Distinct().ToList();
            return [.. _devices.Select(d => names.IndexOf(d.Class))];
        }
    }

    public DeviceProfile this[int device] => _devices[device];

    /// <summary>
    /// "jetson": the paper's mix of TX2, Xavier NX and AGX Xavier as 3 : 4 : 1 (30, 40 and 10 of 80); "uniform": all Xavier NX.
    /// Kinds are spread over the device numbers, so that data and kind are independent.
    /// </summary>
    public static Fleet Create(string name, int devices, ulong seed)
    {
        var kinds = name switch
        {
            "jetson" => Jetsons,
            "uniform" => [Jetsons[1]],
            _ => throw new InputException($"unknown fleet '{name}'; there are {string.Join(", ", Names)}"),
        };
        int total = kinds.Sum(k => k.Share);
        var profiles = new DeviceProfile[devices];
        int given = 0, share = 0;
        foreach (var kind in kinds)
        {
            share += kind.Share;
            int end = (int)Math.Round((double)devices * share / total, MidpointRounding.AwayFromZero);
            for (; given < end; given++)
                profiles[given] = kind;
        }

        new DeterministicRandom(seed, Stream).Shuffle<DeviceProfile>(profiles);
        return new Fleet(profiles, seed);
    }

    /// <summary>The same for the same seed, device and round, whoever asks in whatever order.</summary>
    public RoundConditions Conditions(int device, int round)
    {
        var random = new DeterministicRandom(_seed, Stream, (ulong)device, (ulong)round);
        double sustained = random.NextDouble(DeviceProfile.SustainedLow, DeviceProfile.SustainedHigh);
        double megabits = random.NextDouble(DeviceProfile.BandwidthLow, DeviceProfile.BandwidthHigh);
        return new RoundConditions(_devices[device].PeakGflops * 1e9 * sustained, megabits * 1e6 / 8);
    }

    /// <summary>Conditions in the mean, for the oracle policy.</summary>
    public RoundConditions MeanConditions(int device) => new(
        _devices[device].PeakGflops * 1e9 * (DeviceProfile.SustainedLow + DeviceProfile.SustainedHigh) / 2,
        (DeviceProfile.BandwidthLow + DeviceProfile.BandwidthHigh) / 2 * 1e6 / 8);
}
