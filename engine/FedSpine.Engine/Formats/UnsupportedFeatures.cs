using System.Text.Json;

namespace FedSpine.Engine.Formats;

/// <summary>Features of config.json that change what the model computes and that the engine does not compute.</summary>
internal static class UnsupportedFeatures
{
    /// <summary>MistralConfig's window where the file has none; a null means none at all.</summary>
    private const int MistralWindow = 4096;

    /// <summary>
    /// Fields of relatives, which custom code puts into folders of the supported types. Absent, null, false and an empty list or
    /// object mean that the feature is off, and so does the number beside it.
    /// </summary>
    private static readonly (string Field, double Off, string Feature)[] OfRelatives =
    [
        ("quantization_config", 0, "quantized checkpoints"),
        ("compression_config", 0, "quantized checkpoints"),
        ("num_experts", 0, "mixtures of experts"),
        ("num_local_experts", 0, "mixtures of experts"),
        ("n_routed_experts", 0, "mixtures of experts"),
        ("moe_intermediate_size", 0, "mixtures of experts"),
        ("qk_norm", 0, "normalised queries and keys"),
        ("use_qk_norm", 0, "normalised queries and keys"),
        ("qk_layernorm", 0, "normalised queries and keys"),
        ("clip_qkv", 0, "clipped queries, keys and values"),
        ("attn_logit_softcapping", 0, "capped attention scores"),
        ("final_logit_softcapping", 0, "capped logits"),
        ("query_pre_attn_scalar", 0, "another scale of attention scores"),
        ("attention_multiplier", 0, "another scale of attention scores"),
        ("embedding_multiplier", 1, "scaled embeddings"),
        ("scale_embedding", 0, "scaled embeddings"),
        ("residual_multiplier", 1, "scaled residuals"),
        ("logits_scaling", 1, "scaled logits"),
        ("logit_scale", 1, "scaled logits"),
        ("no_rope_layers", 0, "layers without rotary embeddings"),
        ("no_rope_layer_interval", 0, "layers without rotary embeddings"),
        ("alibi", 0, "ALiBi positions"),
        ("parallel_attn", 0, "attention beside the FFN"),
        ("use_parallel_residual", 0, "attention beside the FFN"),
        ("kv_lora_rank", 0, "latent attention"),
        ("cross_layer_attention", 0, "keys and values shared between layers"),
        ("num_kv_shared_layers", 0, "keys and values shared between layers"),
        ("partial_rotary_factor", 1, "partly rotated heads"),
        ("rotary_pct", 1, "partly rotated heads"),
        ("mlp_bias", 0, "biases in the decoder's FFN"),
        ("use_mrope", 0, "rotary embeddings of several axes"),
    ];

    public static void Refuse(JsonFields json, string type)
    {
        foreach (var (field, off, feature) in OfRelatives)
            RefuseUnlessOff(json, field, off, feature);
        if (json.TryGet("problem_type", out var problem) && problem.ValueKind == JsonValueKind.String && problem.GetString() != "single_label_classification")
            throw NotSupported(json, "problem_type", $"is {JsonFields.Short(problem)}: other losses than cross-entropy");
        if (json.TryGet("pruned_heads", out var heads) && heads.ValueKind == JsonValueKind.Object && heads.EnumerateObject().Any())
            throw NotSupported(json, "pruned_heads", "is not empty: Hugging Face's own head pruning");
        if (type is "llama" or "mistral" or "qwen2")
            RefuseSlidingWindow(json, type);
        else
            RefuseOfEncoder(json);
    }

    public static void RefusePartialRope(JsonFields rope) => RefuseUnlessOff(rope, "partial_rotary_factor", 1, "partly rotated heads");

    private static void RefuseUnlessOff(JsonFields json, string field, double off, string feature)
    {
        if (!json.TryGet(field, out var value))
            return;
        bool isOff = value.ValueKind switch
        {
            JsonValueKind.False => true,
            JsonValueKind.Number => value.TryGetDouble(out double number) && number == off,
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Object => !value.EnumerateObject().Any(),
            _ => false,
        };
        if (!isOff)
            throw NotSupported(json, field, $"is {JsonFields.Short(value)}: {feature}");
    }

    private static void RefuseOfEncoder(JsonFields json)
    {
        if ((json.String("position_embedding_type") ?? "absolute") is var positions and not "absolute")
            throw NotSupported(json, "position_embedding_type", $"is \"{positions}\": other positions than absolute");
        foreach (string flag in (string[])["is_decoder", "add_cross_attention"])
        {
            if (json.Bool(flag, false))
                throw NotSupported(json, flag, "is true: encoders used as decoders");
        }
    }

    /// <summary>A window that no position can leave is full attention.</summary>
    private static void RefuseSlidingWindow(JsonFields json, string type)
    {
        bool Leaves(int window) => window < json.Int("max_position_embeddings", 1, int.MaxValue);
        int? window = json.Has("sliding_window") ? json.Int("sliding_window", 0, int.MaxValue)
            : type == "mistral" && !json.Names.Contains("sliding_window") ? MistralWindow
            : null;
        // Newer folders say by layer who looks through the window.
        if (json.Has("layer_types") && json.Strings("layer_types").FirstOrDefault(t => t != "full_attention") is { } other
            && (other != "sliding_attention" || window is null || Leaves(window.Value)))
            throw NotSupported(json, "layer_types", $"holds \"{other}\": windowed attention");
        bool used = type == "mistral" || (type == "qwen2" && json.Bool("use_sliding_window", false));
        if (used && window is { } length && Leaves(length))
            throw NotSupported(json, "sliding_window", json.Has("sliding_window") ? $"is {length}: windowed attention" : $"is missing, which means {length}: windowed attention");
    }

    private static InputException NotSupported(JsonFields json, string field, string what) => json.Error(field, $"{what} is not supported");
}
