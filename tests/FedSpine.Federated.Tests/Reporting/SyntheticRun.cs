using FedSpine.Engine;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Reporting;

/// <summary>Records that look like a run's, without the run.</summary>
public sealed record SyntheticRun
{
    public int Devices { get; init; } = 8;

    public int Rounds { get; init; } = 16;

    public double Participation { get; init; } = 0.5;

    public int Layers { get; init; } = 4;

    public TaskKind Task { get; init; } = TaskKind.Classification;

    public bool Reference { get; init; } = true;

    public bool Arms { get; init; } = true;

    public bool Evaluated { get; init; } = true;

    public IReadOnlyList<string> Classes { get; init; } = ["Jetson TX2", "Xavier NX", "AGX Xavier"];

    public string Domain { get; init; } = "kitchen";

    private const int Heads = 8, Width = 512;

    public RunReport Build()
    {
        var options = new SimulationOptions
        {
            Devices = Devices, Rounds = Rounds, Participation = Participation, Task = Task, Reference = Reference, Seed = 7,
            Model = "models/with <angle> & \"quotes\"",
        };
        var random = new DeterministicRandom(3);
        var sparsity = new double[Devices];
        var plays = new int[Devices];
        var ranks = Enumerable.Repeat(8, Devices).ToArray();
        var rounds = new List<RoundRecord>();
        double time = 0;
        int perRound = Math.Max(1, (int)(Devices * Participation));
        for (int round = 1; round <= Rounds; round++)
        {
            int[] order = [.. Enumerable.Range(0, Devices)];
            random.Shuffle<int>(order);
            var participants = new List<ParticipantRecord>();
            foreach (int device in order[..perRound].Order())
                participants.Add(Participant(device, round, random, sparsity, ranks, plays));
            double seconds = participants.Max(p => p.Seconds);
            time += seconds;
            bool evaluated = Evaluated && (round % 2 == 0 || round == Rounds);
            rounds.Add(new RoundRecord
            {
                Round = round, VirtualSeconds = time, RoundSeconds = seconds, SlowestDevice = participants.MaxBy(p => p.Seconds)!.Device,
                Accuracy = evaluated && Task == TaskKind.Classification ? Accuracy(round, 0.93) + random.NextDouble(-0.01, 0.01) : null,
                Perplexity = evaluated && Task == TaskKind.CausalLm ? Perplexity(round, 5.2) : null,
                TestLoss = evaluated ? 0.3 : null, MeanSparsity = sparsity.Average(), AggregationError = 0.4 / Math.Sqrt(round) * random.NextDouble(0.8, 1.2),
                Participants = participants, Sparsity = [.. sparsity], WallSeconds = 2,
            });
        }

        var devices = Enumerable.Range(0, Devices).Select(d => Device(d, sparsity[d], ranks[d], plays[d], random)).ToList();
        return new RunReport(options, Summary(rounds, devices, time), rounds, devices);
    }

    private string ClassOf(int device) => Classes[device % Classes.Count];

    private ParticipantRecord Participant(int device, int round, DeterministicRandom random, double[] sparsity, int[] ranks, int[] plays)
    {
        double before = sparsity[device];
        sparsity[device] = Math.Min(0.5, before + random.NextDouble(0, 0.25));
        ranks[device] = 1 << random.NextInt(5);
        plays[device]++;
        double slow = 1 + Classes.Count - device % Classes.Count;
        return new ParticipantRecord
        {
            Device = device, Class = ClassOf(device), Ratio = sparsity[device], Rank = ranks[device], RatioBefore = before, RatioReached = sparsity[device],
            LossBefore = 0.7 / Math.Sqrt(round) + random.NextDouble(0, 0.1), LossAfter = 0.5 / Math.Sqrt(round), Reward = random.NextDouble(), AdapterNorm = 1,
            Examples = 300, ComputeSeconds = slow * random.NextDouble(20, 50), DownloadSeconds = random.NextDouble(0.2, 9), UploadSeconds = random.NextDouble(0.2, 9),
            BytesDown = 60_000L * ranks[device], BytesUp = 50_000L * ranks[device], TrainingTflop = 0.3, Parameters = 800_000, VoidSteps = 0,
        };
    }

    private DeviceRecord Device(int device, double sparsity, int rank, int plays, DeterministicRandom random) => new()
    {
        Device = device, Class = ClassOf(device), Domain = Domain, Examples = 240 + device,
        LabelCounts = Task == TaskKind.Classification ? [120 + device, 120] : [], RoundsPlayed = plays, Sparsity = sparsity, Rank = rank,
        Parameters = (long)(1_200_000 * (1 - sparsity * 0.7)),
        Accuracy = Task == TaskKind.Classification ? 0.92 : null, Perplexity = Task == TaskKind.CausalLm ? 5.3 : null,
        QueryHeads = [.. Enumerable.Range(0, Layers).Select(l => l == 0 ? Heads : 2 + random.NextInt(5))],
        KeyValueHeads = [.. Enumerable.Range(0, Layers).Select(l => l == 0 ? Heads : 4)],
        FfnWidths = [.. Enumerable.Range(0, Layers).Select(l => l == 0 ? Width : 128 + 32 * random.NextInt(8))],
        Arms = Arms ? [.. Leaves(0, 0.5, 2, 16, 0, sparsity, random)] : [],
    };

    private static IEnumerable<ArmStatistics> Leaves(double low, double high, double rankLow, double rankHigh, int depth, double ratio, DeterministicRandom random)
    {
        if (depth < 2 || (depth < 5 && random.NextDouble() < 0.5))
        {
            double middle = (low + high) / 2, rank = Math.Sqrt(rankLow * rankHigh);
            return depth % 2 == 0
                ? [.. Leaves(low, middle, rankLow, rankHigh, depth + 1, ratio, random), .. Leaves(middle, high, rankLow, rankHigh, depth + 1, ratio, random)]
                : [.. Leaves(low, high, rankLow, rank, depth + 1, ratio, random), .. Leaves(low, high, rank, rankHigh, depth + 1, ratio, random)];
        }

        double plays = random.NextDouble() < 0.2 ? 0 : random.NextDouble(0, 12);
        return [new ArmStatistics(low, high, rankLow, rankHigh, depth, plays, plays > 0 ? random.NextDouble(0.1, 0.9) : 0, high < ratio * 0.6)];
    }

    private RunSummary Summary(List<RoundRecord> rounds, List<DeviceRecord> devices, double time)
    {
        bool labels = Task == TaskKind.Classification;
        long up = rounds.Sum(r => r.Participants.Sum(p => p.BytesUp)), down = rounds.Sum(r => r.Participants.Sum(p => p.BytesDown));
        return new RunSummary
        {
            Method = "fedspine", Task = labels ? "classification" : "causal-lm", Model = "sample encoder <4 layers & 8 heads>", Policy = "s-ucb", Aggregation = "svd",
            Criterion = "taylor", Partition = "domains", Seed = 7, Rounds = rounds.Count, Devices = devices.Count, TargetSparsity = 0.5,
            Sparsity = devices.Average(d => d.Sparsity),
            Accuracy = labels ? 0.925 : null, AccuracyUnpruned = labels && Reference ? 0.941 : null, AccuracyBase = labels ? 0.503 : null,
            Perplexity = labels ? null : 5.31, PerplexityUnpruned = !labels && Reference ? 4.91 : null, PerplexityBase = labels ? null : 9.7,
            VirtualSeconds = time, VirtualSecondsUnpruned = Reference ? time * 1.6 : null, VirtualSecondsToTarget = Reference ? time * 0.7 : null,
            TargetAccuracy = Reference ? (labels ? 0.92 : 5.5) : null, BytesUp = up, BytesDown = down,
            BytesUpUnpruned = Reference ? (long)(up * 1.7) : null, BytesDownUnpruned = Reference ? (long)(down * 1.7) : null,
            ParametersBefore = 1_200_000, ParametersAfter = devices.Average(d => (double)d.Parameters), PrunableBefore = 850_000, PrunableAfter = 427_000,
            QueryHeadsBefore = [.. Enumerable.Repeat(Heads, Layers)], KeyValueHeadsBefore = [.. Enumerable.Repeat(Heads, Layers)],
            FfnWidthsBefore = [.. Enumerable.Repeat(Width, Layers)], InferenceTimeRatio = 0.54, TrainingFlopsRatio = 0.57, WallSeconds = 61.3, PeakRssBytes = 412_000_000,
            Unpruned = Reference ? [.. rounds.Where(r => r.TestLoss is not null).Select(r => new CurvePoint(r.Round, r.VirtualSeconds * 1.6, labels ? Accuracy(r.Round, 0.945) : Perplexity(r.Round, 4.9)))] : [],
        };
    }

    private double Accuracy(int round, double final) => final - (final - 0.5) * Math.Exp(-5.0 * round / Rounds);

    private double Perplexity(int round, double final) => final + (9.7 - final) * Math.Exp(-4.0 * round / Rounds);
}
