using System.Text.Json;
using System.Text.Json.Serialization;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Engine.Tuning;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary>All that decides a tuning or pruning run on one device: its config.json, which repeats and resumes it.</summary>
internal sealed record TuneJob
{
    public static string FileName => "config.json";

    private static readonly TuneOptions Defaults = new();

    public string? Model { get; init; }

    public string? Adapter { get; init; }

    public string? Data { get; init; }

    public string? EvalData { get; init; }

    /// <summary>Null: what the model's head is for.</summary>
    public TaskKind? Task { get; init; }

    public string? TextColumn { get; init; }

    public string? PairColumn { get; init; }

    public string? LabelColumn { get; init; }

    public DataFormat DataFormat { get; init; }

    public DataEncoding Encoding { get; init; }

    public int Length { get; init; } = 128;

    public int Rank { get; init; } = 8;

    public double Alpha { get; init; } = 16;

    public string Targets { get; init; } = "all";

    /// <summary>Every weight is trained, and there is no adapter.</summary>
    public bool AllWeights { get; init; }

    /// <summary>How the large frozen matrices are kept in memory.</summary>
    public WeightType Base { get; init; }

    public double Ratio { get; init; }

    public string Criterion { get; init; } = Defaults.Criterion;

    public int PruneInterval { get; init; } = Defaults.PruneInterval;

    /// <summary>Prune at once, after so many batches of scoring and without tuning; 0: iteratively, while it is tuned.</summary>
    public int OneShot { get; init; }

    public int? Steps { get; init; }

    public double Epochs { get; init; } = Defaults.Epochs;

    public int Batch { get; init; } = Defaults.Batch;

    public int Accumulate { get; init; } = Defaults.Accumulate;

    public Recompute? Recompute { get; init; }

    /// <summary>Bytes.</summary>
    public long? Memory { get; init; }

    public double LearningRate { get; init; } = Defaults.LearningRate;

    public double Warmup { get; init; } = Defaults.Warmup;

    public double WeightDecay { get; init; } = Defaults.WeightDecay;

    public double ClipNorm { get; init; } = Defaults.ClipNorm;

    public double Dropout { get; init; }

    public int? EvaluateEvery { get; init; }

    public int EvaluateExamples { get; init; } = Defaults.EvaluateExamples;

    public bool KeepBest { get; init; } = true;

    public ulong Seed { get; init; } = Defaults.Seed;

    /// <summary>Where the run computes: host, cuda:0, with its products cuda:0+bf16. Null: not said, the machine's default.</summary>
    public string? Device { get; init; }

    public DataOptions Columns => new()
    {
        Format = DataFormat, Encoding = Encoding, TextColumn = TextColumn, PairColumn = PairColumn, LabelColumn = LabelColumn,
    };

    public LoraSpec Lora => new(Rank, (float)Alpha, SimulationValidation.ParseTargets(Targets));

    public TuneOptions Tuning => new()
    {
        Steps = Steps, Epochs = Epochs, Batch = Batch, Accumulate = Accumulate, Recompute = Recompute, MemoryBytes = Memory, LearningRate = LearningRate, Warmup = Warmup, WeightDecay = WeightDecay,
        ClipNorm = ClipNorm, Dropout = Dropout, EvaluateEvery = EvaluateEvery, EvaluateExamples = EvaluateExamples, KeepBest = KeepBest, Ratio = Ratio,
        Criterion = Criterion, PruneInterval = PruneInterval, Seed = Seed,
    };

    /// <exception cref="InputException">A value is out of range; names the option.</exception>
    public void Validate()
    {
        Tuning.Validate();
        if (Model is null)
            throw new InputException(ModelChoice.Missing);
        if (Length is < 4 or > 1_000_000)
            throw new InputException($"--length {Length}: expected at least 4 tokens");
        if (Rank is < 1 or > 4096)
            throw new InputException($"--rank {Rank}: expected 1 to 4096");
        if (!(Alpha > 0 && double.IsFinite(Alpha)))
            throw new InputException(FormattableString.Invariant($"--alpha {Alpha}: expected above 0"));
        if (OneShot is < 0 or > 1_000_000)
            throw new InputException($"--one-shot {OneShot}: expected at least 1 batch");
        if (AllWeights && Adapter is not null)
            throw new InputException("--all-weights and --adapter: an adapter is trained on frozen weights; merge it first with fedspine export");
        if (AllWeights && Base != WeightType.F32)
            throw new InputException($"--all-weights and --base {Base.Label()}: weights that are trained must be f32");
        _ = Lora;
    }
}

/// <summary>q8_0, as ggml and the command line spell it.</summary>
internal sealed class SnakeCase<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) where T : struct, Enum;

/// <summary>How a job looks in its file.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    Converters =
    [
        typeof(KebabCase<TaskKind>), typeof(KebabCase<DataFormat>), typeof(KebabCase<DataEncoding>), typeof(KebabCase<Recompute>), typeof(SnakeCase<WeightType>),
    ])]
[JsonSerializable(typeof(TuneJob))]
internal sealed partial class TuneJson : JsonSerializerContext;
