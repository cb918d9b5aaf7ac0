namespace FedSpine.Engine.Models;

public enum ModelFamily
{
    /// <summary>Post-norm encoder, learned positions starting at pad id + 1; checkpoint prefix "roberta.".</summary>
    Roberta,

    /// <summary>Post-norm encoder, learned positions starting at 0; checkpoint prefix "bert.".</summary>
    Bert,

    /// <summary>Pre-norm decoder: RMSNorm, RoPE, SwiGLU; also Mistral and Qwen2, which differ by biases and windows; checkpoint prefix "model.".</summary>
    Llama,
}

public enum ModelHead
{
    SequenceClassification,
    MaskedLm,
    CausalLm,
}

public enum Activation
{
    Gelu,
    GeluTanh,
    Relu,
    Silu,
}

/// <summary>One transformer block's shape. Blocks differ after pruning; nothing may assume equal layers.</summary>
/// <param name="QueryHeads">QH, a multiple of KeyValueHeads.</param>
/// <param name="KeyValueHeads">KVH; equals QueryHeads without grouped-query attention.</param>
/// <param name="HeadSize">D of a head; not necessarily width / heads.</param>
/// <param name="FfnWidth">F, channels of the feed-forward block.</param>
public readonly record struct LayerSpec(int QueryHeads, int KeyValueHeads, int HeadSize, int FfnWidth)
{
    public int QuerySize => QueryHeads * HeadSize;

    public int KeyValueSize => KeyValueHeads * HeadSize;
}

/// <summary>What is global to a model; <see cref="Layers"/> holds what is per layer.</summary>
public sealed record ModelSpec
{
    public required ModelFamily Family { get; init; }

    public required ModelHead Head { get; init; }

    /// <summary>Residual width; pruning never changes it.</summary>
    public required int Width { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>Rows of the position table (encoders; RoBERTa's include the pad offset), or the longest context (decoders).</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Rows of the token type table (encoders); 0 for decoders.</summary>
    public int TypeVocabularySize { get; init; }

    public required Activation Activation { get; init; }

    public float NormEpsilon { get; init; } = 1e-5f;

    public float RopeTheta { get; init; } = 10000;

    /// <summary>Decoders: null where rotary frequencies are not scaled.</summary>
    public RopeScaling? RopeScaling { get; init; }

    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>Decoders: whether q, k and v carry biases (Qwen2, LLaMA with attention_bias). Encoders always have biases everywhere.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Decoders: whether the attention output carries a bias too (LLaMA with attention_bias).</summary>
    public bool AttentionOutputBias { get; init; }

    public int? PadId { get; init; }

    public int? BosId { get; init; }

    public int? EosId { get; init; }

    /// <summary>Class names in id order; empty unless the head classifies.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    public required IReadOnlyList<LayerSpec> Layers { get; init; }

    public bool IsDecoder => Family == ModelFamily.Llama;

    /// <summary>For people: "LLaMA decoder, 5 layers, width 64".</summary>
    public string Summary => $"{Family switch { ModelFamily.Llama => "LLaMA decoder", ModelFamily.Bert => "BERT encoder", _ => "RoBERTa encoder" }}, {Layers.Count} layers, width {Width}";

    /// <summary>The longest sequence that the positions allow, in tokens.</summary>
    public int MaxLength => Family == ModelFamily.Roberta ? MaxPositions - (PadId ?? 1) - 1 : MaxPositions;
}
