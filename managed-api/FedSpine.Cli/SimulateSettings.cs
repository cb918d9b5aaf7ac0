using System.CommandLine;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Simulation;
using static FedSpine.Cli.OptionKinds;

namespace FedSpine.Cli;

/// <summary>The options of <c>simulate</c> that make up <see cref="SimulationOptions"/>: one per property.</summary>
internal static class SimulateSettings
{
    private const string Data = "Model and data", Fleet = "Fleet and rounds", Pruning = "Pruning, policy, aggregation", Training = "Adapter and training", Evaluation = "Evaluation";

    private static readonly SimulationOptions Defaults = new();

    /// <summary>Not bool: a bool option leaves a word that is neither true nor false to the command line, and is true without one.</summary>
    private enum Answer
    {
        False,
        True,
    }

    /// <summary>New instances: an option belongs to one command.</summary>
    public static Setting<SimulationOptions>[] Create() =>
    [
        new Setting<SimulationOptions, string?>(ModelPath("--model", "the base model: a Hugging Face folder, or one on the Hub (default: the bundled sample encoder)"), Data,
            (o, v) => o with { Model = v }),
        new Setting<SimulationOptions, string?>(FilePath("--data", "FILE", "training data: TSV, CSV, JSONL or plain text; '*' in the file's name stands for the domains of several files (default: the bundled sample)"), Data,
            (o, v) => o with { Data = v }),
        new Setting<SimulationOptions, string?>(FilePath("--eval-data", "FILE", "test data (default: a tenth of the training data is held out, the same for every seed)"), Data,
            (o, v) => o with { EvalData = v }),
        new Setting<SimulationOptions, TaskKind?>(Choice("--task", $"what to learn (default: classification)",
            ("classification", TaskKind.Classification), ("causal-lm", TaskKind.CausalLm)), Data,
            (o, v) => o with { Task = v!.Value }),
        new Setting<SimulationOptions, string?>(Text("--text-column", "COLUMN", "name or 0-based number (default: found by the usual names)"), Data,
            (o, v) => o with { TextColumn = v }),
        new Setting<SimulationOptions, string?>(Text("--pair-column", "COLUMN", "second text of a pair, or the answer to a prompt (default: found by the usual names)"), Data,
            (o, v) => o with { PairColumn = v }),
        new Setting<SimulationOptions, string?>(Text("--label-column", "COLUMN", "name or 0-based number (default: found by the usual names)"), Data,
            (o, v) => o with { LabelColumn = v }),
        new Setting<SimulationOptions, string?>(Text("--domain-column", "COLUMN", "name or 0-based number of the column that the partition 'domains' splits by"), Data,
            (o, v) => o with { DomainColumn = v }),

        new Setting<SimulationOptions, DataFormat?>(DataChoice.Format(), Data,
            (o, v) => o with { DataFormat = v!.Value }),
        new Setting<SimulationOptions, DataEncoding?>(DataChoice.Encoding(), Data,
            (o, v) => o with { Encoding = v!.Value }),

        new Setting<SimulationOptions, int?>(Integer("--devices", "N", $"virtual devices (default: {Defaults.Devices})"), Fleet,
            (o, v) => o with { Devices = v!.Value }),
        new Setting<SimulationOptions, double?>(Real("--participation", "P", $"fraction of the devices in each round (default: {Defaults.Participation})"), Fleet,
            (o, v) => o with { Participation = v!.Value }),
        new Setting<SimulationOptions, int?>(Integer("--rounds", "N", $"federated rounds (default: {Defaults.Rounds})"), Fleet,
            (o, v) => o with { Rounds = v!.Value }),
        new Setting<SimulationOptions, int?>(Integer("--local-steps", "N", $"optimizer steps of a participant in a round (default: {Defaults.LocalSteps})"), Fleet,
            (o, v) => o with { LocalSteps = v!.Value }),
        new Setting<SimulationOptions, string?>(Text("--partition", "HOW", "how data is split over devices: iid, dirichlet:ALPHA, shards:N, domains (default: domains where the data has them, else dirichlet:1, or iid for text)"), Fleet,
            (o, v) => o with { Partition = v }),
        new Setting<SimulationOptions, string?>(Text("--fleet", "NAME", $"{string.Join(", ", Federated.Simulation.Fleet.Names)}: kinds of devices, for the virtual clock (default: {Defaults.Fleet})"), Fleet,
            (o, v) => o with { Fleet = v! }),

        new Setting<SimulationOptions, string?>(Text("--method", "NAME", $"{string.Join(", ", MethodCatalog.Names)}: sets policy, criterion, schedule, aggregation, whether importance is shared and logits are calibrated (default: {Defaults.Method})"), Pruning,
            (o, v) => o.Method == v ? o : o with { Method = v!, Policy = null, Criterion = null, Schedule = null, Aggregation = null, ShareImportance = null, CalibrateLogits = null }),
        new Setting<SimulationOptions, double?>(Real("--target-sparsity", "P", $"fraction of the blocks' weights to remove, 0 to 0.95 (default: {Defaults.TargetSparsity})"), Pruning,
            (o, v) => o with { TargetSparsity = v!.Value }),
        new Setting<SimulationOptions, int?>(Integer("--prune-interval", "N", $"local steps between two pruning events (default: {Defaults.PruneInterval})"), Pruning,
            (o, v) => o with { PruneInterval = v!.Value }),
        new Setting<SimulationOptions, string?>(Text("--schedule", "NAME", $"when devices prune: {string.Join(", ", PruningSchedule.Names)} (default: the method's, {MethodCatalog.FedSpine.Schedule})"), Pruning,
            (o, v) => o with { Schedule = v }),
        new Setting<SimulationOptions, string?>(Text("--criterion", "NAME", $"importance of heads and channels: {string.Join(", ", ImportanceCriteria.Names)} (default: the method's, {MethodCatalog.FedSpine.Criterion})"), Pruning,
            (o, v) => o with { Criterion = v }),
        new Setting<SimulationOptions, Answer?>(Question("--share-importance", "rank what to remove by the mean of all devices' scores", MethodCatalog.FedSpine.SharesImportance), Pruning,
            (o, v) => o with { ShareImportance = v == Answer.True }),
        new Setting<SimulationOptions, Answer?>(Question("--calibrate-logits", "while a device tunes a classifier, make up in its logits for the labels it has more or fewer of than all", MethodCatalog.FedSpine.CalibratesLogits), Pruning,
            (o, v) => o with { CalibrateLogits = v == Answer.True }),
        new Setting<SimulationOptions, double?>(Real("--smoothing", "L", $"weight of the past in the importance, 0 to below 1 (default: {Defaults.Smoothing})"), Pruning,
            (o, v) => o with { Smoothing = v!.Value }),
        new Setting<SimulationOptions, string?>(Text("--policy", "NAME", $"who picks ratio and rank: {string.Join(", ", PolicyFactory.Names)} or fixed:RATIO:RANK (default: the method's, {MethodCatalog.FedSpine.Policy})"), Pruning,
            (o, v) => o with { Policy = v }),
        new Setting<SimulationOptions, bool>(Flag("--share-statistics", "devices of a class share what the policy learns"), Pruning,
            (o, v) => o with { ShareStatistics = v }),
        new Setting<SimulationOptions, string?>(Text("--reward-weights", "L:P:I", "parts of loss, pruning and importance in the reward (default: 0.5:0.3:0.2)"), Pruning,
            (o, v) => o with { RewardWeights = v }),
        new Setting<SimulationOptions, string?>(Text("--aggregation", "NAME", $"how adapters are merged: {string.Join(", ", AggregatorFactory.Names)} (default: the method's, {MethodCatalog.FedSpine.Aggregation})"), Pruning,
            (o, v) => o with { Aggregation = v }),

        new Setting<SimulationOptions, int?>(Integer("--rank", "R", $"largest LoRA rank that the policy may pick (default: {Defaults.Rank})"), Training,
            (o, v) => o with { Rank = v!.Value }),
        new Setting<SimulationOptions, int?>(Integer("--min-rank", "R", $"smallest one (default: {Defaults.MinRank})"), Training,
            (o, v) => o with { MinRank = v!.Value }),
        new Setting<SimulationOptions, double?>(Real("--alpha", "A", $"LoRA scale is alpha / rank (default: {Defaults.Alpha})"), Training,
            (o, v) => o with { Alpha = v!.Value }),
        new Setting<SimulationOptions, string?>(Text("--targets", "ROLES", "linear layers with an adapter: all, or some of query,key,value,output,gate,up,down (default: all)"), Training,
            (o, v) => o with { Targets = v! }),
        new Setting<SimulationOptions, int?>(Integer("--batch", "N", $"examples a step (default: {Defaults.Batch})"), Training,
            (o, v) => o with { Batch = v!.Value }),
        new Setting<SimulationOptions, int?>(Integer("--length", "N", $"longest sequence, in tokens (default: {Defaults.Length})"), Training,
            (o, v) => o with { Length = v!.Value }),
        new Setting<SimulationOptions, double?>(Real("--lr", "RATE", $"learning rate (default: {SimulationOptions.SampleLearningRate} for the bundled sample, else {SimulationOptions.UsualLearningRate})"), Training,
            (o, v) => o with { LearningRate = v }),
        new Setting<SimulationOptions, ulong?>(Seed("--seed", $"same seed, same run (default: {Defaults.Seed})"), Training,
            (o, v) => o with { Seed = v!.Value }),

        new Setting<SimulationOptions, int?>(Integer("--evaluate-every", "N", $"rounds between two evaluations (default: {Defaults.EvaluateEvery})"), Evaluation,
            (o, v) => o with { EvaluateEvery = v!.Value }),
        new Setting<SimulationOptions, int?>(Integer("--evaluate-examples", "N", $"test examples between rounds; the last evaluation uses all (default: {Defaults.EvaluateExamples})"), Evaluation,
            (o, v) => o with { EvaluateExamples = v!.Value }),
        new Setting<SimulationOptions, double?>(Real("--target-accuracy", "A", "accuracy (or perplexity) whose virtual time is reported (default: 98 % of the unpruned reference's)"), Evaluation,
            (o, v) => o with { TargetAccuracy = v }),
        new Setting<SimulationOptions, bool>(Flag("--no-reference", "do not also run the same federation without pruning"), Evaluation,
            (o, v) => o with { Reference = !v }),
    ];

    private static Option<Answer?> Question(string name, string description, bool own) =>
        Choice(name, $"{description} (default: the method's, {(own ? "true" : "false")})", ("true", Answer.True), ("false", Answer.False));
}
