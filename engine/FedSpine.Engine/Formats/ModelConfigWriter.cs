using System.Text.Json;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>
/// <see cref="ModelSpec"/> to config.json. Scalar fields are written where all layers agree; whatever Hugging Face's fields cannot
/// say goes under the key "fedspine" (see <see cref="PrunedShape"/>).
/// </summary>
internal static class ModelConfigWriter
{
    public static void Write(Stream stream, Model model, SafetensorsType type)
    {
        var spec = model.Spec;
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartArray("architectures");
        json.WriteStringValue(Architecture(spec));
        json.WriteEndArray();
        json.WriteString("model_type", ModelType(spec));
        json.WriteNumber("vocab_size", spec.VocabularySize);
        json.WriteNumber("hidden_size", spec.Width);
        json.WriteNumber("num_hidden_layers", spec.Layers.Count);
        WriteWhereEqual(json, "num_attention_heads", spec.Layers.Select(l => l.QueryHeads));
        WriteWhereEqual(json, "intermediate_size", spec.Layers.Select(l => l.FfnWidth));
        json.WriteString("hidden_act", ActivationName(spec.Activation));
        json.WriteNumber("max_position_embeddings", spec.MaxPositions);
        if (spec.IsDecoder)
        {
            WriteWhereEqual(json, "num_key_value_heads", spec.Layers.Select(l => l.KeyValueHeads));
            WriteWhereEqual(json, "head_dim", spec.Layers.Select(l => l.HeadSize));
            json.WriteNumber("rms_norm_eps", spec.NormEpsilon);
            RopeConfig.Write(json, spec);
            if (ModelType(spec) == "llama")
                json.WriteBoolean("attention_bias", spec.AttentionBias);
        }
        else
        {
            json.WriteNumber("type_vocab_size", spec.TypeVocabularySize);
            json.WriteNumber("layer_norm_eps", spec.NormEpsilon);
            json.WriteString("position_embedding_type", "absolute");
        }

        json.WriteBoolean("tie_word_embeddings", spec.TieWordEmbeddings);
        WriteTokenId(json, "pad_token_id", spec.PadId);
        WriteTokenId(json, "bos_token_id", spec.BosId);
        WriteTokenId(json, "eos_token_id", spec.EosId);
        WriteLabels(json, spec.Labels);
        json.WriteString("torch_dtype", type switch
        {
            SafetensorsType.F16 => "float16",
            SafetensorsType.BF16 => "bfloat16",
            _ => "float32",
        });
        if (PrunedShape.IsNeeded(model))
            PrunedShape.Write(json, model);
        json.WriteEndObject();
    }

    private static string ModelType(ModelSpec spec) => spec.Family switch
    {
        ModelFamily.Roberta => "roberta",
        ModelFamily.Bert => "bert",
        _ => IsQwen2(spec) ? "qwen2" : "llama",
    };

    /// <summary>Qwen2 has biases on q, k and v; LLaMA has them on the output too, or none.</summary>
    private static bool IsQwen2(ModelSpec spec) => spec.AttentionBias && !spec.AttentionOutputBias;

    private static string Architecture(ModelSpec spec)
    {
        string family = spec.Family switch
        {
            ModelFamily.Roberta => "Roberta",
            ModelFamily.Bert => "Bert",
            _ => IsQwen2(spec) ? "Qwen2" : "Llama",
        };
        return family + spec.Head switch
        {
            ModelHead.SequenceClassification => "ForSequenceClassification",
            ModelHead.MaskedLm => "ForMaskedLM",
            _ => "ForCausalLM",
        };
    }

    private static string ActivationName(Activation activation) => activation switch
    {
        Activation.Gelu => "gelu",
        Activation.GeluTanh => "gelu_new",
        Activation.Relu => "relu",
        _ => "silu",
    };

    private static void WriteWhereEqual(Utf8JsonWriter json, string name, IEnumerable<int> values)
    {
        if (values.Distinct().Count() == 1)
            json.WriteNumber(name, values.First());
    }

    /// <summary>null is written out: left away it would mean the family's default.</summary>
    private static void WriteTokenId(Utf8JsonWriter json, string name, int? id)
    {
        if (id is null)
            json.WriteNull(name);
        else
            json.WriteNumber(name, id.Value);
    }

    private static void WriteLabels(Utf8JsonWriter json, IReadOnlyList<string> labels)
    {
        if (labels.Count == 0)
            return;
        json.WriteStartObject("id2label");
        for (int i = 0; i < labels.Count; i++)
            json.WriteString($"{i}", labels[i]);
        json.WriteEndObject();
        json.WriteStartObject("label2id");
        for (int i = 0; i < labels.Count; i++)
            json.WriteNumber(labels[i], i);
        json.WriteEndObject();
    }
}
