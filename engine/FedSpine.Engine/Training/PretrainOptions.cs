using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Training;

/// <summary>A model to make from nothing, and how. Null sizes follow from the others.</summary>
public sealed record PretrainOptions
{
    /// <summary>MaskedLm: a RoBERTa encoder. CausalLm: a LLaMA decoder.</summary>
    public ModelHead Objective { get; init; } = ModelHead.MaskedLm;

    /// <summary>Folder with a tokenizer to use; null: one is trained on the text.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Folder with a model to go on from, with its shape and tokenizer; null: random weights.</summary>
    public string? Model { get; init; }

    /// <summary>Entries of the tokenizer that is trained.</summary>
    public int Vocabulary { get; init; } = 1200;

    public int Layers { get; init; } = 8;

    public int Width { get; init; } = 64;

    public int Heads { get; init; } = 4;

    /// <summary>Decoders; null: as many as <see cref="Heads"/>.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>FFN channels; null: 4 x width (encoders), 8/3 x width rounded up to a multiple of 32 (decoders).</summary>
    public int? FfnWidth { get; init; }

    /// <summary>Longest sequence, in tokens; longer texts are cut into pieces.</summary>
    public int Length { get; init; } = 64;

    public int Batch { get; init; } = 32;

    public int Steps { get; init; } = 6000;

    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Type of the weights in the file.</summary>
    public SafetensorsType Type { get; init; } = SafetensorsType.F32;

    public ulong Seed { get; init; } = 1;

    public ModelSpec Spec(int vocabulary, int padId, int bosId, int eosId)
    {
        bool decoder = Objective == ModelHead.CausalLm;
        int kv = decoder ? KeyValueHeads ?? Heads : Heads;
        int ffn = FfnWidth ?? (decoder ? (8 * Width / 3 + 31) / 32 * 32 : 4 * Width);
        return new ModelSpec
        {
            Family = decoder ? ModelFamily.Llama : ModelFamily.Roberta,
            Head = Objective,
            Width = Width,
            VocabularySize = vocabulary,
            MaxPositions = decoder ? Length : Length + padId + 1,
            TypeVocabularySize = decoder ? 0 : 1,
            Activation = decoder ? Activation.Silu : Activation.Gelu,
            PadId = padId,
            BosId = bosId,
            EosId = eosId,
            Layers = [.. Enumerable.Repeat(new LayerSpec(Heads, kv, Width / Heads, ffn), Layers)],
        };
    }

    /// <exception cref="InputException">A value is out of range; names the option.</exception>
    public void Validate()
    {
        Require(Objective is ModelHead.MaskedLm or ModelHead.CausalLm, "task", Objective, "masked-lm or causal-lm");
        Require(Vocabulary is >= 300 and <= 1_000_000, "vocabulary", Vocabulary, "300 to 1000000: 256 bytes, 5 special tokens, and some merges");
        Require(Layers is >= 1 and <= 1000, "layers", Layers, "1 to 1000");
        Require(Width is >= 8 and <= 65536, "width", Width, "8 to 65536");
        Require(Heads >= 1 && Width % Heads == 0, "heads", Heads, $"a divisor of the width, {Width}");
        Require(Objective != ModelHead.CausalLm || Width / Heads % 2 == 0, "heads", Heads, $"an even head size: rotary positions turn pairs (width {Width} / heads)");
        Require(KeyValueHeads is null || (KeyValueHeads >= 1 && Heads % KeyValueHeads == 0), "kv-heads", KeyValueHeads ?? 0, $"a divisor of the heads, {Heads}");
        Require(FfnWidth is null or (>= 8 and <= 1_000_000), "ffn", FfnWidth ?? 0, "8 to 1000000");
        Require(Length is >= 8 and <= 100_000, "length", Length, "8 to 100000");
        Require(Batch is >= 1 and <= 100_000, "batch", Batch, "1 to 100000");
        Require(Steps >= 1, "steps", Steps, "at least 1");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), "lr", LearningRate, "above 0");
    }

    private static void Require(bool holds, string option, object value, string expected)
    {
        if (!holds)
            throw new InputException($"--{option} {value}: expected {expected}");
    }
}

/// <summary>What pretraining tells whoever watches it.</summary>
public interface IPretrainProgress
{
    /// <summary>Something to know: what was read, what was built.</summary>
    void Note(string message);

    /// <summary>A step is done. Loss: running mean, in nats per predicted token.</summary>
    void Step(int step, int steps, double loss, double tokensPerSecond);

    /// <summary>Loss on held-out text.</summary>
    void HeldOut(int step, double loss);
}

/// <summary>What pretraining made.</summary>
/// <param name="Steps">Steps done; fewer than asked when it was stopped.</param>
/// <param name="HeldOutLoss">Nats per predicted token on held-out text.</param>
public sealed record PretrainResult(string Folder, int Steps, int Vocabulary, long Parameters, double HeldOutLoss, double WallSeconds);
