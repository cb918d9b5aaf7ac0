using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>The metadata of a GGUF file to <see cref="ModelConfig"/>; a feature that the engine would compute differently is refused by name.</summary>
internal static class GgufConfig
{
    private const int MaxLayers = 4096, MaxHeads = 1 << 14, MaxHeadSize = 1 << 14, MaxWidth = 1 << 20, MaxVocabulary = 1 << 24;

    /// <summary>Keys that change what a model of these architectures computes, with the value that changes nothing.</summary>
    private static readonly (string Key, double Neutral)[] Refused =
    [
        ("expert_count", 0), ("attention.sliding_window", 0), ("attention.scale", 0), ("attention.clamp_kqv", 0), ("attention.max_alibi_bias", 0),
        ("attn_logit_softcapping", 0), ("final_logit_softcapping", 0), ("logit_scale", 1), ("embedding_scale", 1), ("residual_scale", 1),
        ("rope.scaling.attn_factor", 1), ("nextn_predict_layers", 0),
    ];

    /// <exception cref="InputException">A key is missing or malformed, contradicts another, or asks for what is not supported.</exception>
    public static (ModelConfig Config, GgufArchitecture Architecture) Read(GgufFile file)
    {
        var metadata = file.Metadata;
        string? name = metadata.String("general.architecture");
        var architecture = GgufArchitecture.Named(name) ?? throw metadata.Error("general.architecture", $"is \"{name}\", expected one of llama, qwen2, deci");
        Refuse(metadata, architecture);
        string Key(string key) => architecture.Key(key);
        int width = metadata.Int(Key("embedding_length"), 1, MaxWidth);
        int vocabulary = Vocabulary(file);
        var layers = ReadLayers(metadata, architecture, width);
        float theta = metadata.Float(Key("rope.freq_base"), 1, 1e12f, 10000);
        var spec = new ModelSpec
        {
            Family = ModelFamily.Llama,
            Head = ModelHead.CausalLm,
            Width = width,
            VocabularySize = vocabulary,
            MaxPositions = metadata.Int(Key("context_length"), 1, MaxVocabulary),
            Activation = Activation.Silu,
            NormEpsilon = metadata.Float(Key("attention.layer_norm_rms_epsilon"), 0, 1),
            RopeTheta = theta,
            RopeScaling = GgufRope.Read(file, architecture, layers[0].HeadSize, theta),
            TieWordEmbeddings = !file.Tensors.ContainsKey(GgufNames.Output),
            AttentionBias = file.Tensors.ContainsKey("blk.0.attn_q.bias"),
            AttentionOutputBias = file.Tensors.ContainsKey("blk.0.attn_output.bias"),
            PadId = metadata.OptionalInt("tokenizer.ggml.padding_token_id", 0, vocabulary - 1),
            BosId = metadata.OptionalInt("tokenizer.ggml.bos_token_id", 0, vocabulary - 1),
            EosId = metadata.OptionalInt("tokenizer.ggml.eos_token_id", 0, vocabulary - 1),
            Layers = layers,
        };
        return (new ModelConfig(spec, HasHead: true, layers, [.. layers.Select(KeptGroups.All)]), architecture);
    }

    /// <summary>Rows of the word table: what vocab_size says (if it is there) must be true.</summary>
    private static int Vocabulary(GgufFile file)
    {
        if (!file.Tensors.TryGetValue(GgufNames.Words, out var words) || words.Shape.Length != 2 || words.Shape[0] > MaxVocabulary)
            throw InputException.InFile(file.Path, words is null ? $"tensor {GgufNames.Words} is missing" : $"tensor {words} is no word table");
        return (int)words.Shape[0];
    }

    private static LayerSpec[] ReadLayers(GgufMetadata metadata, GgufArchitecture architecture, int width)
    {
        string Key(string key) => architecture.Key(key);
        int count = metadata.Int(Key("block_count"), 1, MaxLayers);
        int[] queryHeads = metadata.Ints(Key("attention.head_count"), count, 1, MaxHeads, broadcast: true);
        int[] groups = metadata.Has(Key("attention.head_count_kv")) ? metadata.Ints(Key("attention.head_count_kv"), count, 1, MaxHeads, broadcast: true) : queryHeads;
        int[] channels = metadata.Ints(Key("feed_forward_length"), count, 1, MaxWidth, broadcast: true);
        int headSize = metadata.OptionalInt(Key("attention.key_length"), 2, MaxHeadSize) ?? width / queryHeads[0];
        if (headSize % 2 != 0)
            throw metadata.Error(Key("attention.key_length"), $"is {headSize}, rotary embeddings need an even number");
        foreach (string key in (string[])["attention.value_length", "rope.dimension_count"])
        {
            if (metadata.OptionalInt(Key(key), 0, int.MaxValue) is { } size && size != headSize)
                throw metadata.Error(Key(key), $"is {size}, other than the head size {headSize}, which is not supported");
        }

        for (int i = 0; i < count; i++)
        {
            if (queryHeads[i] % groups[i] != 0)
                throw metadata.Error(Key("attention.head_count"), $"is {queryHeads[i]} in layer {i}, not a multiple of head_count_kv {groups[i]}");
        }

        return [.. Enumerable.Range(0, count).Select(i => new LayerSpec(queryHeads[i], groups[i], headSize, channels[i]))];
    }

    private static void Refuse(GgufMetadata metadata, GgufArchitecture architecture)
    {
        if (metadata.OptionalInt("split.count", 0, int.MaxValue) is > 1 and var parts)
            throw metadata.Error("split.count", $"is {parts}: a model in several files is not supported, merge them first");
        foreach (var (key, neutral) in Refused)
        {
            string full = architecture.Key(key);
            if (metadata.Values.TryGetValue(full, out var value) && (value.IsArray || value.Type is GgufValueType.Bool or GgufValueType.String || value.Number(0) != neutral))
                throw metadata.Error(full, $"is {value}, which is not supported");
        }

        if (!metadata.Bool(architecture.Key("attention.causal"), true))
            throw metadata.Error(architecture.Key("attention.causal"), "is false, which is not supported");
    }
}
