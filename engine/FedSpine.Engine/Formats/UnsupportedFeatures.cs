using System.Text.Json;

namespace FedSpine.Engine.Formats;

/// <summary>Features of config.json that change what the model computes and that the engine does not compute.</summary>
internal static class UnsupportedFeatures
{
    public static void Refuse(JsonFields json, string type)
    {
        bool decoder = type is "llama" or "mistral" or "qwen2";
        if (json.Has("quantization_config"))
            throw NotSupported(json, "quantization_config", "is set: quantized checkpoints");
        if (json.TryGet("problem_type", out var problem) && problem.ValueKind == JsonValueKind.String && problem.GetString() != "single_label_classification")
            throw NotSupported(json, "problem_type", $"is {JsonFields.Short(problem)}: other losses than cross-entropy");
        if (json.TryGet("pruned_heads", out var heads) && heads.ValueKind == JsonValueKind.Object && heads.EnumerateObject().Any())
            throw NotSupported(json, "pruned_heads", "is not empty: Hugging Face's own head pruning");
        if (decoder)
            RefuseOfDecoder(json, type);
        else
            RefuseOfEncoder(json);
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

    private static void RefuseOfDecoder(JsonFields json, string type)
    {
        foreach (string scaling in (string[])["rope_scaling", "rope_parameters"])
        {
            if (json.Object(scaling) is not { } rope)
                continue;
            string kind = rope.String("rope_type") ?? rope.String("type") ?? "default";
            if (kind != "default")
                throw NotSupported(json, scaling, $"is of type \"{kind}\": scaled rotary embeddings");
            RefusePartialRope(rope);
        }

        RefusePartialRope(json);
        if (type == "llama" && json.Bool("attention_bias", false))
            throw NotSupported(json, "attention_bias", "is true: a bias on the attention output");
        if (json.Bool("mlp_bias", false))
            throw NotSupported(json, "mlp_bias", "is true: biases in the decoder's FFN");
        RefuseSlidingWindow(json, type);
    }

    private static void RefusePartialRope(JsonFields json)
    {
        if (json.Float("partial_rotary_factor", float.MinValue, float.MaxValue, 1) != 1)
            throw NotSupported(json, "partial_rotary_factor", "is not 1: partly rotated heads");
    }

    /// <summary>A window that no position can leave is full attention.</summary>
    private static void RefuseSlidingWindow(JsonFields json, string type)
    {
        if (type == "llama" || !json.Has("sliding_window"))
            return;
        int window = json.Int("sliding_window", 0, int.MaxValue);
        bool used = type == "mistral" || json.Bool("use_sliding_window", false);
        if (used && window < json.Int("max_position_embeddings", 1, int.MaxValue))
            throw NotSupported(json, "sliding_window", $"is {window}: windowed attention");
    }

    private static InputException NotSupported(JsonFields json, string field, string what) => json.Error(field, $"{what} is not supported");
}
