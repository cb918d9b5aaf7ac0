using System.Text.Json;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

internal static partial class PeftConfig
{
    /// <summary>adapter_config.json of a model that has adapters.</summary>
    public static void Write(Stream stream, Model model, string? baseModel)
    {
        var lora = model.Lora!;
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("peft_type", "LORA");
        json.WriteString("task_type", model.Spec.Head switch
        {
            ModelHead.SequenceClassification => "SEQ_CLS",
            ModelHead.CausalLm => "CAUSAL_LM",
            _ => null,
        });
        json.WriteString("base_model_name_or_path", baseModel);
        json.WriteNumber("r", lora.Rank);
        json.WriteNumber("lora_alpha", lora.Alpha);
        json.WriteNumber("lora_dropout", 0.0);
        json.WriteString("bias", "none");
        WriteStrings(json, "target_modules", TargetModules(model));
        var overrides = lora.Overrides.OrderBy(o => o.Key, StringComparer.Ordinal);
        json.WriteStartObject("rank_pattern");
        foreach (var (module, own) in overrides.Where(o => o.Value.Rank != lora.Rank))
            json.WriteNumber(module, own.Rank);
        json.WriteEndObject();
        json.WriteStartObject("alpha_pattern");
        foreach (var (module, own) in overrides.Where(o => o.Value.Alpha != lora.Alpha))
            json.WriteNumber(module, own.Alpha);
        json.WriteEndObject();
        WriteStrings(json, "modules_to_save", ModulesToSave(model.Spec));
        json.WriteBoolean("fan_in_fan_out", false);
        json.WriteBoolean("init_lora_weights", true);
        json.WriteBoolean("use_rslora", false);
        json.WriteBoolean("use_dora", false);
        json.WriteBoolean("inference_mode", true);
        json.WriteEndObject();
    }

    /// <summary>
    /// Decoders: the last part of each name, as everybody writes it. Encoders: enough of the name to tell the layers apart; an
    /// FFN output without the attention output needs its whole name, as "output.dense" matches both.
    /// </summary>
    private static IEnumerable<string> TargetModules(Model model)
    {
        var targets = model.Lora!.Targets;
        var family = model.Spec.Family;
        foreach (var role in Roles(model.Spec).Where(targets.Contains))
        {
            string name = ModelNames.Linear(family, role);
            bool ambiguous = !model.Spec.IsDecoder && role == LinearRole.Down && !targets.Contains(LinearRole.Output);
            for (int i = 0; ambiguous && i < model.Layers.Count; i++)
                yield return $"{ModelNames.Layer(family, i)}.{name}";
            if (!ambiguous)
                yield return model.Spec.IsDecoder ? name[(name.LastIndexOf('.') + 1)..] : name;
        }
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
