using System.Text.Json;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;

namespace FedSpine.Engine.Formats;

/// <summary>
/// The "fedspine" key of config.json, which Hugging Face's scalar fields cannot express: per layer, the shape that is left
/// (num_attention_heads[], num_key_value_heads[], head_dim[], intermediate_size[]), the unpruned shape (base.*[]), and which heads
/// and channels of it were kept (kept[].query_heads, .key_value_heads, .channels). It overrides the scalar fields.
/// </summary>
internal static class PrunedShape
{
    public const string Key = "fedspine";

    private const int Version = 1, MaxCount = 1 << 20;

    /// <summary>Sets the layers of <paramref name="spec"/>.</summary>
    public static (IReadOnlyList<LayerSpec> BaseLayers, IReadOnlyList<KeptGroups> Kept) Read(JsonFields json, ref ModelSpec spec)
    {
        json.Int("version", Version, Version);
        int count = spec.Layers.Count;
        var layers = ReadShapes(json, count);
        var baseLayers = ReadShapes(json.Object("base") ?? throw json.Error("base", "is missing"), count);
        var items = json.Objects("kept");
        if (items.Count != count)
            throw json.Error("kept", $"has {items.Count} entries, num_hidden_layers is {count}");
        var kept = new KeptGroups[count];
        for (int i = 0; i < count; i++)
        {
            if (layers[i].HeadSize != baseLayers[i].HeadSize)
                throw json.Error($"head_dim[{i}]", $"is {layers[i].HeadSize}, the base's is {baseLayers[i].HeadSize}");
            CheckHeads(json, "", spec.IsDecoder, layers[i], i);
            CheckHeads(json, "base.", spec.IsDecoder, baseLayers[i], i);
            kept[i] = new KeptGroups(
                ReadKept(items[i], "query_heads", layers[i].QueryHeads, baseLayers[i].QueryHeads),
                ReadKept(items[i], "key_value_heads", layers[i].KeyValueHeads, baseLayers[i].KeyValueHeads),
                ReadKept(items[i], "channels", layers[i].FfnWidth, baseLayers[i].FfnWidth));
            CheckGroups(json, baseLayers[i], kept[i], i);
        }

        spec = spec with { Layers = layers };
        return (baseLayers, kept);
    }

    /// <summary>Whether the scalar fields alone would describe another model, or lose what was pruned.</summary>
    public static bool IsNeeded(Model model)
    {
        var first = model.Spec.Layers[0];
        bool scalar = model.Spec.IsDecoder || first.QuerySize == model.Spec.Width;
        return !scalar || model.Spec.Layers.Any(l => l != first) || !model.BaseLayers.SequenceEqual(model.Spec.Layers);
    }

    public static void Write(Utf8JsonWriter json, Model model)
    {
        json.WriteStartObject(Key);
        json.WriteNumber("version", Version);
        WriteShapes(json, model.Spec.Layers);
        json.WriteStartObject("base");
        WriteShapes(json, model.BaseLayers);
        json.WriteEndObject();
        json.WriteStartArray("kept");
        foreach (var kept in model.Kept)
        {
            json.WriteStartObject();
            WriteInts(json, "query_heads", kept.QueryHeads);
            WriteInts(json, "key_value_heads", kept.KeyValueHeads);
            WriteInts(json, "channels", kept.Channels);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static LayerSpec[] ReadShapes(JsonFields json, int count)
    {
        int[] Field(string name)
        {
            int[] values = json.Ints(name, 1, MaxCount);
            return values.Length == count ? values : throw json.Error(name, $"has {values.Length} entries, num_hidden_layers is {count}");
        }

        int[] queryHeads = Field("num_attention_heads"), keyValueHeads = Field("num_key_value_heads"), headSizes = Field("head_dim"), channels = Field("intermediate_size");
        return [.. Enumerable.Range(0, count).Select(i => new LayerSpec(queryHeads[i], keyValueHeads[i], headSizes[i], channels[i]))];
    }

    private static void CheckHeads(JsonFields json, string of, bool decoder, LayerSpec layer, int i)
    {
        if (!decoder && layer.QueryHeads != layer.KeyValueHeads)
            throw json.Error($"{of}num_key_value_heads[{i}]", $"is {layer.KeyValueHeads}, an encoder has as many as query heads ({layer.QueryHeads})");
        if (layer.QueryHeads % layer.KeyValueHeads != 0 || (long)layer.QueryHeads * layer.HeadSize > int.MaxValue)
            throw json.Error($"{of}num_attention_heads[{i}]", $"is {layer.QueryHeads}, of size {layer.HeadSize} and with {layer.KeyValueHeads} key-value heads: impossible");
    }

    private static int[] ReadKept(JsonFields json, string field, int count, int of)
    {
        int[] kept = json.Ints(field, 0, of - 1);
        if (kept.Length != count)
            throw json.Error(field, $"has {kept.Length} entries, the layer has {count}");
        for (int i = 1; i < kept.Length; i++)
        {
            if (kept[i] <= kept[i - 1])
                throw json.Error($"{field}[{i}]", $"is {kept[i]} after {kept[i - 1]}, expected ascending indices");
        }

        return kept;
    }

    private static void CheckGroups(JsonFields json, LayerSpec baseLayer, KeptGroups kept, int layer)
    {
        try
        {
            KeptPositions.Shape(baseLayer, kept, layer);
        }
        catch (InputException e)
        {
            throw json.Error($"kept[{layer}]", $"is impossible: {e.Message}");
        }
    }

    private static void WriteShapes(Utf8JsonWriter json, IReadOnlyList<LayerSpec> layers)
    {
        WriteInts(json, "num_attention_heads", layers.Select(l => l.QueryHeads));
        WriteInts(json, "num_key_value_heads", layers.Select(l => l.KeyValueHeads));
        WriteInts(json, "head_dim", layers.Select(l => l.HeadSize));
        WriteInts(json, "intermediate_size", layers.Select(l => l.FfnWidth));
    }

    private static void WriteInts(Utf8JsonWriter json, string name, IEnumerable<int> values)
    {
        json.WriteStartArray(name);
        foreach (int value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
