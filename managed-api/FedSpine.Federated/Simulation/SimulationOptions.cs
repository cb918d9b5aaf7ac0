using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;

namespace FedSpine.Federated.Simulation;

/// <summary>Everything that decides a run, and nothing else: the run folder's config.json. Repeating it repeats the run.</summary>
public sealed record SimulationOptions
{
    /// <summary>Hugging Face folder; null: the bundled sample encoder.</summary>
    public string? Model { get; init; }

    /// <summary>Training data; null: the bundled sample.</summary>
    public string? Data { get; init; }

    /// <summary>Test data; null: a tenth of the training data is held out.</summary>
    public string? EvalData { get; init; }

    public TaskKind Task { get; init; } = TaskKind.Classification;

    /// <summary>Column names or 0-based numbers; null: found by the usual names.</summary>
    public string? TextColumn { get; init; }

    public string? PairColumn { get; init; }

    public string? LabelColumn { get; init; }

    public string? DomainColumn { get; init; }

    public DataFormat DataFormat { get; init; }

    public DataEncoding Encoding { get; init; }

    public int Devices { get; init; } = 8;

    /// <summary>Fraction of the devices in each round, (0, 1].</summary>
    public double Participation { get; init; } = 0.5;

    public int Rounds { get; init; } = 18;

    /// <summary>Optimizer steps of a participant in a round.</summary>
    public int LocalSteps { get; init; } = 60;

    /// <summary>Local steps between two pruning events.</summary>
    public int PruneInterval { get; init; } = 20;

    /// <summary>Fraction of the blocks' prunable parameters to remove, [0, 0.95].</summary>
    public double TargetSparsity { get; init; } = 0.5;

    /// <summary>One of <see cref="Methods.MethodCatalog.Names"/>; it decides policy, criterion, schedule and aggregation where those are null.</summary>
    public string Method { get; init; } = "fedspine";

    /// <summary>One of <see cref="Policies.PolicyFactory.Names"/>; null: the method's.</summary>
    public string? Policy { get; init; }

    /// <summary>One of <see cref="Methods.PruningSchedule.Names"/>; null: the method's.</summary>
    public string? Schedule { get; init; }

    /// <summary>svd, hetlora, flora, fedavg; null: the method's.</summary>
    public string? Aggregation { get; init; }

    /// <summary>Devices of a class share what a policy learns (the class is told to the policy, not its speed).</summary>
    public bool ShareStatistics { get; init; }

    /// <summary>LOSS:PRUNING:IMPORTANCE, the parts of the reward; null: 0.5:0.3:0.2.</summary>
    public string? RewardWeights { get; init; }

    /// <summary>iid, dirichlet:ALPHA, shards:N, domains; null: domains where the data has them, else dirichlet:1 (classification) or iid.</summary>
    public string? Partition { get; init; }

    /// <summary>taylor, lora-gradient, activation, magnitude, random; null: the method's.</summary>
    public string? Criterion { get; init; }

    /// <summary>
    /// Devices return their importance scores, and rank what to remove by the mean over all devices (<see cref="SharedImportance"/>):
    /// devices of one ratio then keep nearly the same heads and channels. Null: the method's.
    /// </summary>
    public bool? ShareImportance { get; init; }

    /// <summary>
    /// While a device tunes a classifier, its logits are calibrated by its labels (<see cref="LogitCalibration"/>), against devices that hold
    /// unlike labels; the losses that devices report are then those of calibrated logits. Null: the method's.
    /// </summary>
    public bool? CalibrateLogits { get; init; }

    /// <summary>lambda, the weight of the past in S = lambda S + (1 - lambda) score, [0, 1).</summary>
    public double Smoothing { get; init; } = 0.9;

    /// <summary>Largest LoRA rank a policy may pick.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>Smallest LoRA rank a policy may pick; the default gives way to a smaller <see cref="Rank"/>.</summary>
    public int MinRank { get; init; } = DefaultMinRank;

    internal const int DefaultMinRank = 8;

    internal int LowestRank => MinRank == DefaultMinRank ? Math.Min(MinRank, Rank) : MinRank;

    /// <summary>LoRA scale s = alpha / rank, kept equal for all ranks: alpha is given for <see cref="Rank"/>.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Linear roles that get an adapter: all, or names such as query, value.</summary>
    public string Targets { get; init; } = "all";

    public int Batch { get; init; } = 16;

    /// <summary>Longest sequence, in tokens.</summary>
    public int Length { get; init; } = 64;

    /// <summary>Null: 3e-3 for the bundled sample, whose tiny model learns too little at less; 1e-3 for any other.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Defaults of <see cref="LearningRate"/>.</summary>
    public const double SampleLearningRate = 3e-3, UsualLearningRate = 1e-3;

    internal double Rate => LearningRate ?? (Model is null ? SampleLearningRate : UsualLearningRate);

    /// <summary>jetson (TX2, Xavier NX, AGX Xavier as 3 : 4 : 1) or uniform.</summary>
    public string Fleet { get; init; } = "jetson";

    /// <summary>Evaluate the mean accuracy every so many rounds (and always after the last).</summary>
    public int EvaluateEvery { get; init; } = 4;

    /// <summary>Most test examples used between rounds; the final figures use all.</summary>
    public int EvaluateExamples { get; init; } = 256;

    /// <summary>Also run the same federation without pruning, for comparison.</summary>
    public bool Reference { get; init; } = true;

    /// <summary>Accuracy (or perplexity) whose virtual time is reported; null: 98 % of the unpruned reference's final value.</summary>
    public double? TargetAccuracy { get; init; }

    public ulong Seed { get; init; } = 1;

    /// <summary>Where the run computes: host, cuda:0, opencl:0, with its products cuda:0+bf16; other devices sum in other orders. Null: not said, the machine's default.</summary>
    public string? Device { get; init; }
}

/// <summary>What a run tells whoever watches it. Called from the coordinator's thread only.</summary>
public interface ISimulationProgress
{
    /// <summary>A phase begins: "loading", "base evaluation", "unpruned reference", "federating", "final evaluation", "writing".</summary>
    void Phase(string name, int rounds);

    /// <summary>A participant of the present round finished.</summary>
    void DeviceFinished(int round, int finished, int participants);

    void RoundFinished(Reporting.RoundRecord round);

    /// <summary>Something the user should know that is not an error.</summary>
    void Note(string message);
}
