using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using static FedSpine.Cli.OptionKinds;

namespace FedSpine.Cli;

/// <summary>The options of <c>pretrain</c> that make up <see cref="PretrainOptions"/>.</summary>
internal static class PretrainSettings
{
    /// <summary>The heading of what a model to go on from has already.</summary>
    public const string Shape = "New model";

    private const string Model = "Model", Training = "Training";

    private static readonly PretrainOptions Defaults = new();

    /// <summary>New instances: an option belongs to one command.</summary>
    public static Setting<PretrainOptions>[] Create() =>
    [
        new Setting<PretrainOptions, ModelHead?>(Choice("--task", "an encoder (RoBERTa) or a decoder (LLaMA) (default: masked-lm)",
            ("masked-lm", ModelHead.MaskedLm), ("causal-lm", ModelHead.CausalLm)), Model,
            (o, v) => o with { Objective = v!.Value }),
        new Setting<PretrainOptions, string?>(FilePath("--model", "FOLDER", "go on from this model, with its shape and tokenizer (default: random weights)"), Model,
            (o, v) => o with { Model = v }),
        new Setting<PretrainOptions, string?>(FilePath("--tokenizer", "FOLDER", "tokenizer to use (default: a byte-level BPE is trained on the text)"), Shape,
            (o, v) => o with { Tokenizer = v }),
        new Setting<PretrainOptions, int?>(Integer("--vocabulary", "N", $"entries of the tokenizer that is trained (default: {Defaults.Vocabulary})"), Shape,
            (o, v) => o with { Vocabulary = v!.Value }),
        new Setting<PretrainOptions, int?>(Integer("--layers", "N", $"transformer blocks (default: {Defaults.Layers})"), Shape,
            (o, v) => o with { Layers = v!.Value }),
        new Setting<PretrainOptions, int?>(Integer("--width", "N", $"residual width (default: {Defaults.Width})"), Shape,
            (o, v) => o with { Width = v!.Value }),
        new Setting<PretrainOptions, int?>(Integer("--heads", "N", $"query heads a block (default: {Defaults.Heads})"), Shape,
            (o, v) => o with { Heads = v!.Value }),
        new Setting<PretrainOptions, int?>(Integer("--kv-heads", "N", "key-value heads a block, decoders only (default: as many as query heads)"), Shape,
            (o, v) => o with { KeyValueHeads = v }),
        new Setting<PretrainOptions, int?>(Integer("--ffn", "N", "feed-forward channels a block (default: 4 x width; decoders: 8/3 x width, up to a multiple of 32)"), Shape,
            (o, v) => o with { FfnWidth = v }),
        new Setting<PretrainOptions, SafetensorsType?>(Choice("--dtype", "type of the weights in the file (default: f32)",
            ("f32", SafetensorsType.F32), ("f16", SafetensorsType.F16), ("bf16", SafetensorsType.BF16)), Model,
            (o, v) => o with { Type = v!.Value }),

        new Setting<PretrainOptions, int?>(Integer("--steps", "N", $"optimizer steps (default: {Defaults.Steps})"), Training,
            (o, v) => o with { Steps = v!.Value }),
        new Setting<PretrainOptions, int?>(Integer("--batch", "N", $"sequences a step (default: {Defaults.Batch})"), Training,
            (o, v) => o with { Batch = v!.Value }),
        new Setting<PretrainOptions, int?>(Integer("--length", "N", $"longest sequence, in tokens (default: {Defaults.Length})"), Training,
            (o, v) => o with { Length = v!.Value }),
        new Setting<PretrainOptions, double?>(Real("--lr", "RATE", $"highest learning rate (default: {Defaults.LearningRate})"), Training,
            (o, v) => o with { LearningRate = v!.Value }),
        new Setting<PretrainOptions, ulong?>(Seed("--seed", $"same seed, same model (default: {Defaults.Seed})"), Training,
            (o, v) => o with { Seed = v!.Value }),
    ];
}
