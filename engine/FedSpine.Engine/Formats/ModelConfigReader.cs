using System.Text.Json;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>
/// config.json to <see cref="ModelConfig"/>. Defaults are those of Hugging Face's configuration classes; a feature that the engine
/// would compute differently is refused by name.
/// </summary>
public static class ModelConfigReader
{
    private const int MaxLayers = 4096, MaxHeads = 1 << 14, MaxHeadSize = 1 << 14, MaxWidth = 1 << 20, MaxVocabulary = 1 << 24, MaxLabels = 1 << 16;

    /// <param name="folder">A Hugging Face folder.</param>
    /// <exception cref="InputException">The file is missing or malformed, contradicts itself, or asks for what is not supported.</exception>
    public static ModelConfig Read(string folder)
    {
        var json = JsonFields.Read(Path.Combine(folder, ModelConfig.FileName));
        var (family, head, type) = ReadArchitecture(json);
        UnsupportedFeatures.Refuse(json, type);
        bool decoder = family == ModelFamily.Llama;
        int width = json.Int("hidden_size", 1, MaxWidth);
        int vocabulary = json.Int("vocab_size", 1, MaxVocabulary);
        var layers = ReadLayers(json, type, decoder, width);
        bool bias = type == "llama" && json.Bool("attention_bias", false);
        var spec = new ModelSpec
        {
            Family = family,
            Head = head ?? (decoder ? ModelHead.CausalLm : ModelHead.MaskedLm),
            Width = width,
            VocabularySize = vocabulary,
            MaxPositions = json.Int("max_position_embeddings", 1, MaxVocabulary),
            TypeVocabularySize = decoder ? 0 : json.Int("type_vocab_size", 1, MaxVocabulary, 2),
            Activation = ReadActivation(json, decoder),
            NormEpsilon = json.Float(decoder ? "rms_norm_eps" : "layer_norm_eps", 0, 1, decoder ? 1e-6f : 1e-12f),
            RopeTheta = RopeConfig.ReadTheta(json),
            RopeScaling = decoder ? RopeConfig.ReadScaling(json) : null,
            TieWordEmbeddings = json.Bool("tie_word_embeddings", !decoder),
            AttentionBias = type == "qwen2" || bias,
            AttentionOutputBias = bias,
            PadId = ReadTokenId(json, "pad_token_id", vocabulary, type switch { "roberta" => 1, "bert" => 0, _ => null }),
            BosId = ReadTokenId(json, "bos_token_id", vocabulary, type switch { "roberta" => 0, "llama" or "mistral" => 1, _ => null }),
            EosId = ReadTokenId(json, "eos_token_id", vocabulary, type switch { "roberta" or "llama" or "mistral" => 2, _ => null }),
            Labels = head == ModelHead.SequenceClassification ? ReadLabels(json) : [],
            Layers = layers,
        };
        var pruned = json.Object(PrunedShape.Key);
        var (baseLayers, kept) = pruned is null ? (layers, [.. layers.Select(KeptGroups.All)]) : PrunedShape.Read(pruned, ref spec);
        Check(json, spec);
        return new ModelConfig(spec, head is not null, baseLayers, kept);
    }

    private static (ModelFamily Family, ModelHead? Head, string Type) ReadArchitecture(JsonFields json)
    {
        string[] architectures = json.Has("architectures") ? json.Strings("architectures") : [];
        string? type = json.String("model_type");
        string name = architectures.Length > 0 ? architectures[0] : "";
        foreach (var (known, prefix, family) in Families)
        {
            // Old folders have no model_type, some have no architectures; where both are there they must agree.
            if (type is not null ? type != known : !name.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            if (name.Length == 0)
                return (family, null, known);
            ModelHead? head = name.StartsWith(prefix, StringComparison.Ordinal) ? (name[prefix.Length..], family == ModelFamily.Llama) switch
            {
                ("Model", _) => null,
                ("ForSequenceClassification", _) => ModelHead.SequenceClassification,
                ("ForMaskedLM", false) => ModelHead.MaskedLm,
                ("ForPreTraining", false) when known == "bert" => ModelHead.MaskedLm,
                ("ForCausalLM", true) => ModelHead.CausalLm,
                _ => throw json.Error("architectures[0]", $"is \"{name}\", which is not supported"),
            } : throw json.Error("architectures[0]", $"is \"{name}\", which model_type \"{type}\" contradicts");
            return (family, head, known);
        }

        string supported = string.Join(", ", Families.Select(f => f.Type));
        throw type is not null
            ? json.Error("model_type", $"is \"{type}\", expected one of {supported}")
            : json.Error("model_type", $"is missing and architectures[0] is \"{name}\", expected one of {supported}");
    }

    private static readonly (string Type, string Prefix, ModelFamily Family)[] Families =
    [
        ("roberta", "Roberta", ModelFamily.Roberta),
        ("bert", "Bert", ModelFamily.Bert),
        ("llama", "Llama", ModelFamily.Llama),
        ("mistral", "Mistral", ModelFamily.Llama),
        ("qwen2", "Qwen2", ModelFamily.Llama),
    ];

    /// <summary>The equal layers that the scalar fields describe; none of them is needed where the pruned shape says it all.</summary>
    private static IReadOnlyList<LayerSpec> ReadLayers(JsonFields json, string type, bool decoder, int width)
    {
        int count = json.Int("num_hidden_layers", 1, MaxLayers);
        if (json.Has(PrunedShape.Key))
            return new LayerSpec[count];
        int heads = json.Int("num_attention_heads", 1, MaxHeads);
        int channels = json.Int("intermediate_size", 1, MaxWidth);
        int groups = heads;
        if (decoder)
            groups = type == "llama" ? json.Int("num_key_value_heads", 1, MaxHeads, heads) : json.Int("num_key_value_heads", 1, MaxHeads);
        int? headSize = decoder && json.Has("head_dim") ? json.Int("head_dim", 1, MaxHeadSize) : null;
        if (headSize is null && width % heads != 0)
            throw json.Error("num_attention_heads", $"is {heads}, which does not divide hidden_size {width}");
        return [.. Enumerable.Repeat(new LayerSpec(heads, groups, headSize ?? width / heads, channels), count)];
    }

    /// <summary>Encoders: after the first matrix. Decoders: the gate, always SiLU.</summary>
    private static Activation ReadActivation(JsonFields json, bool decoder) => (json.String("hidden_act") ?? (decoder ? "silu" : "gelu"), decoder) switch
    {
        ("silu" or "swish", _) => Activation.Silu,
        (var other, true) => throw json.Error("hidden_act", $"is \"{other}\", expected silu in a decoder"),
        ("gelu" or "gelu_python", _) => Activation.Gelu,
        ("gelu_new" or "gelu_pytorch_tanh" or "gelu_fast", _) => Activation.GeluTanh,
        ("relu", _) => Activation.Relu,
        var (other, _) => throw json.Error("hidden_act", $"is \"{other}\", expected gelu, gelu_new, gelu_pytorch_tanh, relu or silu"),
    };

    /// <summary>Absent, null or -1: none. A list (LLaMA 3's end tokens): its first.</summary>
    private static int? ReadTokenId(JsonFields json, string field, int vocabulary, int? fallback)
    {
        if (!json.TryGet(field, out var value))
            return json.Names.Contains(field) ? null : fallback < vocabulary ? fallback : null;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
            value = value[0];
        int id = json.Int(value, field, -1, vocabulary - 1);
        return id < 0 ? null : id;
    }

    private static string[] ReadLabels(JsonFields json)
    {
        var names = json.Object("id2label");
        int count = json.Int("num_labels", 1, MaxLabels, names?.Names.Count() ?? 2);
        if (count == 1)
            throw json.Error("num_labels", "is 1: regression is not supported");
        if (names is null)
            return [.. Enumerable.Range(0, count).Select(i => $"LABEL_{i}")];
        if (names.Names.Count() != count)
            throw json.Error("num_labels", $"is {count}, id2label has {names.Names.Count()} entries");
        return [.. Enumerable.Range(0, count).Select(i => names.Require($"{i}") is { ValueKind: JsonValueKind.String } name
            ? name.GetString()!
            : JsonFields.Short(names.Require($"{i}")))];
    }

    private static void Check(JsonFields json, ModelSpec spec)
    {
        for (int i = 0; i < spec.Layers.Count; i++)
        {
            var layer = spec.Layers[i];
            if (layer.QueryHeads % layer.KeyValueHeads != 0)
                throw json.Error("num_attention_heads", $"is {layer.QueryHeads}, not a multiple of num_key_value_heads {layer.KeyValueHeads} (layer {i})");
            if (spec.IsDecoder && layer.HeadSize % 2 != 0)
                throw json.Error("head_dim", $"is {layer.HeadSize}, rotary embeddings need an even number");
            CheckMatrix(json, $"attention of layer {i}", (long)layer.QueryHeads * layer.HeadSize, spec.Width);
            CheckMatrix(json, $"FFN of layer {i}", layer.FfnWidth, spec.Width);
        }

        CheckMatrix(json, "vocabulary", spec.VocabularySize, spec.Width);
        CheckMatrix(json, "position table", spec.IsDecoder ? 1 : spec.MaxPositions, spec.Width);
        CheckMatrix(json, "label", spec.Labels.Count, spec.Width);
        if (spec.MaxLength < 1)
            throw json.Error("max_position_embeddings", $"is {spec.MaxPositions}, which leaves no position after pad_token_id {spec.PadId ?? 1}");
        if (spec.Labels.Distinct(StringComparer.Ordinal).Count() != spec.Labels.Count)
            throw json.Error("id2label", "names two labels alike");
    }

    private static void CheckMatrix(JsonFields json, string what, long rows, long columns)
    {
        if (rows * columns > int.MaxValue)
            throw json.Error($"the {what} matrix would be {rows}x{columns}, the limit is 2^31 elements");
    }
}
