using System.Text.Json;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>
/// Rotary embeddings in config.json: rope_theta and rope_scaling at the top, or (newer folders) both in rope_parameters; the kind
/// under "rope_type" or "type". Supported are default, linear and llama3; others are refused by name.
/// </summary>
internal static class RopeConfig
{
    private const int MaxLength = 1 << 24;

    public static float ReadTheta(JsonFields json)
    {
        var holder = json.Object("rope_parameters") is { } parameters && parameters.Has("rope_theta") ? parameters : json;
        return holder.Float("rope_theta", 1, 1e12f, 10000);
    }

    /// <exception cref="InputException">Another kind, or two that contradict each other.</exception>
    public static RopeScaling? ReadScaling(JsonFields json)
    {
        bool both = json.Has("rope_scaling") && json.Has("rope_parameters");
        var older = Read(json, "rope_scaling");
        var newer = Read(json, "rope_parameters");
        if (both && older != newer)
            throw json.Error("rope_scaling", "contradicts rope_parameters");
        return newer ?? older;
    }

    public static void Write(Utf8JsonWriter json, ModelSpec spec)
    {
        json.WriteNumber("rope_theta", spec.RopeTheta);
        if (spec.RopeScaling is not { } scaling)
            return;
        json.WriteStartObject("rope_scaling");
        json.WriteString("rope_type", scaling.Kind == RopeScalingKind.Linear ? "linear" : "llama3");
        json.WriteNumber("factor", scaling.Factor);
        if (scaling.Kind == RopeScalingKind.Llama3)
        {
            json.WriteNumber("low_freq_factor", scaling.LowFrequencyFactor);
            json.WriteNumber("high_freq_factor", scaling.HighFrequencyFactor);
            json.WriteNumber("original_max_position_embeddings", scaling.OriginalLength);
        }

        json.WriteEndObject();
    }

    private static RopeScaling? Read(JsonFields json, string field)
    {
        if (json.Object(field) is not { } rope)
            return null;
        UnsupportedFeatures.RefusePartialRope(rope);
        string kind = rope.String("rope_type") ?? rope.String("type") ?? "default";
        switch (kind)
        {
            case "default":
                // Rotations that differ by kind of layer lie one level deeper, and would be overlooked.
                if (rope.Names.FirstOrDefault(n => rope.TryGet(n, out var value) && value.ValueKind == JsonValueKind.Object) is { } layers)
                    throw rope.Error(layers, "is an object: rotary embeddings by kind of layer are not supported");
                return null;
            case "linear":
                return new RopeScaling(RopeScalingKind.Linear, Factor(rope));
            case "llama3":
                float low = rope.Float(rope.Require("low_freq_factor"), "low_freq_factor", 1e-6f, 1e6f);
                float high = rope.Float(rope.Require("high_freq_factor"), "high_freq_factor", 1e-6f, 1e6f);
                if (high <= low)
                    throw rope.Error("high_freq_factor", $"is {high}, expected more than low_freq_factor {low}");
                return new RopeScaling(RopeScalingKind.Llama3, Factor(rope), low, high, rope.Int("original_max_position_embeddings", 1, MaxLength));
            default:
                throw json.Error(field, $"is of type \"{kind}\": only default, linear and llama3 are supported");
        }
    }

    private static float Factor(JsonFields rope) => rope.Float(rope.Require("factor"), "factor", 1, 1e6f);
}
