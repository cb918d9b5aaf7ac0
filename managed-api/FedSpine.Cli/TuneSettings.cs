using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Memory;
using static FedSpine.Cli.OptionKinds;

namespace FedSpine.Cli;

/// <summary>The options of <c>finetune</c> and <c>prune</c> that make up a <see cref="TuneJob"/>: one per property.</summary>
internal static class TuneSettings
{
    private const string Data = "Model and data", Pruning = "Pruning", Adapter = "Adapter", Training = "Training", Evaluation = "Evaluation";

    private static readonly TuneJob Defaults = new();

    /// <summary>New instances: an option belongs to one command.</summary>
    public static Setting<TuneJob>[] Create(bool pruning) =>
    [
        new Setting<TuneJob, string?>(ModelChoice.CreateModel(), Data, (o, v) => o with { Model = v }),
        new Setting<TuneJob, string?>(ModelChoice.CreateAdapter(), Data, (o, v) => o with { Adapter = v }),
        new Setting<TuneJob, WeightType?>(ModelChoice.CreateBase(), Data, (o, v) => o with { Base = v!.Value }),
        new Setting<TuneJob, string?>(FilePath("--data", "FILE", "training data: TSV, CSV, JSONL or plain text"), Data,
            (o, v) => o with { Data = v }),
        new Setting<TuneJob, string?>(FilePath("--eval-data", "FILE", "test data (default: a tenth of the training data is held out)"), Data,
            (o, v) => o with { EvalData = v }),
        new Setting<TuneJob, TaskKind?>(TaskOption(), Data, (o, v) => o with { Task = v }),
        new Setting<TuneJob, string?>(Text("--text-column", "COLUMN", "name or 0-based number (default: found by the usual names)"), Data,
            (o, v) => o with { TextColumn = v }),
        new Setting<TuneJob, string?>(Text("--pair-column", "COLUMN", "second text of a pair, or the answer to a prompt, which alone is learned (default: found by the usual names)"), Data,
            (o, v) => o with { PairColumn = v }),
        new Setting<TuneJob, string?>(Text("--label-column", "COLUMN", "name or 0-based number (default: found by the usual names)"), Data,
            (o, v) => o with { LabelColumn = v }),
        new Setting<TuneJob, DataFormat?>(DataChoice.Format(), Data, (o, v) => o with { DataFormat = v!.Value }),
        new Setting<TuneJob, DataEncoding?>(DataChoice.Encoding(), Data, (o, v) => o with { Encoding = v!.Value }),
        new Setting<TuneJob, int?>(Integer("--length", "N", $"longest sequence, in tokens (default: {Defaults.Length})"), Data,
            (o, v) => o with { Length = v!.Value }),

        .. pruning ? CreatePruning() : [],

        new Setting<TuneJob, int?>(Integer("--rank", "R", $"LoRA rank (default: {Defaults.Rank})"), Adapter,
            (o, v) => o with { Rank = v!.Value }),
        new Setting<TuneJob, double?>(Real("--alpha", "A", $"LoRA scale is alpha / rank (default: {Defaults.Alpha})"), Adapter,
            (o, v) => o with { Alpha = v!.Value }),
        new Setting<TuneJob, string?>(Text("--targets", "ROLES", "linear layers with an adapter: all, or some of query,key,value,output,gate,up,down (default: all)"), Adapter,
            (o, v) => o with { Targets = v! }),
        new Setting<TuneJob, bool>(Flag("--all-weights", "train every weight instead of an adapter"), Adapter,
            (o, v) => o with { AllWeights = v }),

        new Setting<TuneJob, int?>(Integer("--steps", "N", "optimizer steps (default: by --epochs)"), Training,
            (o, v) => o with { Steps = v }),
        new Setting<TuneJob, double?>(Real("--epochs", "N", $"passes over the training data (default: {Defaults.Epochs})"), Training,
            (o, v) => o with { Epochs = v!.Value }),
        new Setting<TuneJob, int?>(Integer("--batch", "N", $"examples at a time (default: {Defaults.Batch})"), Training,
            (o, v) => o with { Batch = v!.Value }),
        new Setting<TuneJob, int?>(Integer("--accumulate", "N", $"batches a step (default: {Defaults.Accumulate})"), Training,
            (o, v) => o with { Accumulate = v!.Value }),
        new Setting<TuneJob, long?>(Bytes("--memory", "memory to keep within, such as 900MB or 1.5GiB: chooses what to recompute, and smaller batches that add up to the same step (default: no limit)"), Training,
            (o, v) => o with { Memory = v }),
        new Setting<TuneJob, Recompute?>(Choice("--recompute", "what the backward pass computes again instead of keeping it: less memory, up to a third more work, the same result (default: none, or as --memory needs)",
            ("none", Recompute.None), ("attention", Recompute.Attention), ("full", Recompute.Full)), Training, (o, v) => o with { Recompute = v }),
        new Setting<TuneJob, double?>(Real("--lr", "RATE", $"highest learning rate; it falls linearly to 0 (default: {Defaults.LearningRate})"), Training,
            (o, v) => o with { LearningRate = v!.Value }),
        new Setting<TuneJob, double?>(Real("--warmup", "P", $"fraction of the steps over which the rate rises (default: {Defaults.Warmup})"), Training,
            (o, v) => o with { Warmup = v!.Value }),
        new Setting<TuneJob, double?>(Real("--weight-decay", "D", $"AdamW's decay of matrices (default: {Defaults.WeightDecay})"), Training,
            (o, v) => o with { WeightDecay = v!.Value }),
        new Setting<TuneJob, double?>(Real("--clip-norm", "N", $"largest gradient norm, 0 for no limit (default: {Defaults.ClipNorm})"), Training,
            (o, v) => o with { ClipNorm = v!.Value }),
        new Setting<TuneJob, double?>(Real("--dropout", "P", "on the residual branches (default: 0)"), Training,
            (o, v) => o with { Dropout = v!.Value }),
        new Setting<TuneJob, ulong?>(Seed("--seed", $"same seed, same run (default: {Defaults.Seed})"), Training,
            (o, v) => o with { Seed = v!.Value }),

        new Setting<TuneJob, int?>(Integer("--evaluate-every", "N", "steps between two evaluations (default: ten in all)"), Evaluation,
            (o, v) => o with { EvaluateEvery = v }),
        new Setting<TuneJob, int?>(Integer("--evaluate-examples", "N", $"test examples between steps; the last evaluation uses all (default: {Defaults.EvaluateExamples})"), Evaluation,
            (o, v) => o with { EvaluateExamples = v!.Value }),
        new Setting<TuneJob, bool>(Flag("--keep-last", "end with the last weights instead of those of the best evaluation"), Evaluation,
            (o, v) => o with { KeepBest = !v }),
    ];

    /// <summary>Of a verb that works on one model.</summary>
    public static System.CommandLine.Option<TaskKind?> TaskOption() => Choice("--task", "what the model is for (default: as its head says)",
        ("classification", TaskKind.Classification), ("causal-lm", TaskKind.CausalLm));

    private static IEnumerable<Setting<TuneJob>> CreatePruning() =>
    [
        new Setting<TuneJob, double?>(Real("--ratio", "P", "fraction of the unpruned blocks' weights to be gone in the end, 0 to 0.95"), Pruning,
            (o, v) => o with { Ratio = v!.Value }),
        new Setting<TuneJob, string?>(Text("--criterion", "NAME", $"importance of heads and channels: {string.Join(", ", ImportanceCriteria.Names)} (default: {Defaults.Criterion})"), Pruning,
            (o, v) => o with { Criterion = v! }),
        new Setting<TuneJob, int?>(Integer("--prune-interval", "N", $"steps of tuning between two removals (default: {Defaults.PruneInterval})"), Pruning,
            (o, v) => o with { PruneInterval = v!.Value }),
        new Setting<TuneJob, int?>(Integer("--one-shot", "N", "remove all at once after N batches of scoring, and do not tune (magnitude and random need no data)"), Pruning,
            (o, v) => o with { OneShot = v!.Value }),
    ];
}
