using System.Text.Json;
using System.Text.RegularExpressions;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>
/// adapter_config.json of PEFT (https://github.com/huggingface/peft) to <see cref="LoraSpec"/>. Target modules are resolved as PEFT
/// does: a list matches a module whose name equals an entry or ends with "." and the entry, a string is a regular expression for
/// the whole name. A feature that changes the arithmetic is refused by name.
/// </summary>
internal static partial class PeftConfig
{
    public const string FileName = "adapter_config.json";

    private const int MaxRank = 1 << 14;

    /// <summary>Fields that say which modules, in ways that are not supported; any value but an empty one is refused.</summary>
    private static readonly string[] Selections = ["layers_to_transform", "layers_pattern", "exclude_modules", "layer_replication", "target_parameters", "trainable_token_indices"];

    /// <summary>
    /// Fields that are read, or that only say how an adapter was started or run. A flag that is set, a list or an object under any
    /// other name is a variant of LoRA (use_dora, lora_bias, kasa_config, ...).
    /// </summary>
    private static readonly string[] Harmless =
    [
        "target_modules", "modules_to_save", "rank_pattern", "alpha_pattern", "use_rslora", "init_lora_weights", "inference_mode", "auto_mapping",
        "runtime_config", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "ephemeral_gpu_offload", "ensure_weight_tying",
    ];

    /// <summary>Starts after which the base is still the checkpoint's; others move part of it into the adapter.</summary>
    private static readonly string[] Starts = ["gaussian", "eva", "orthogonal"];

    public static LoraSpec Read(string folder, ModelSpec spec)
    {
        var json = JsonFields.Read(Path.Combine(folder, FileName));
        Refuse(json);
        string[] saved = ReadModulesToSave(json, spec);
        int rank = json.Int("r", 1, MaxRank, 8);
        float alpha = json.Float("lora_alpha", 1e-6f, 1e6f, 8);
        bool rankStabilised = json.Bool("use_rslora", false);

        var matches = TargetMatcher(json);
        var targets = new List<LinearRole>();
        var overrides = new Dictionary<string, (int, float)>(StringComparer.Ordinal);
        Func<string, int?> ownRank = Pattern(json, "rank_pattern", (value, field) => (int?)json.Int(value, field, 1, MaxRank));
        Func<string, float?> ownAlpha = Pattern(json, "alpha_pattern", (value, field) => (float?)json.Float(value, field, 1e-6f, 1e6f));
        foreach (var role in Roles(spec))
        {
            string[] names = [.. Enumerable.Range(0, spec.Layers.Count).Select(i => $"{ModelNames.Layer(spec.Family, i)}.{ModelNames.Linear(spec.Family, role)}")];
            int matched = names.Count(matches);
            if (matched == 0)
                continue;
            if (matched < names.Length)
                throw json.Error("target_modules", $"picks {ModelNames.Linear(spec.Family, role)} in {matched} of {names.Length} layers: adapters on some layers only are not supported");
            targets.Add(role);
            foreach (string name in names)
            {
                int r = ownRank(name) ?? rank;
                // s = alpha / sqrt(r) is s = alpha' / r with alpha' = alpha sqrt(r).
                float a = (ownAlpha(name) ?? alpha) * (rankStabilised ? MathF.Sqrt(r) : 1);
                if (r != rank || a != Stabilised(alpha))
                    overrides[name] = (r, a);
            }
        }

        if (targets.Count == 0)
            throw json.Error("target_modules", $"matches no linear layer of a {spec.Family} block");
        // A module that is trained whole is no target, even where its name matches.
        foreach (string name in OtherLinears(spec).Where(n => matches(n) && !saved.Any(s => $".{n}.".Contains($".{s}.", StringComparison.Ordinal))))
            throw json.Error("target_modules", $"matches {name}: adapters outside the blocks are not supported");
        return new LoraSpec(rank, Stabilised(alpha), targets) { Overrides = overrides };

        float Stabilised(float a) => rankStabilised ? a * MathF.Sqrt(rank) : a;
    }

    /// <summary>PEFT names of what is trained beside the adapters.</summary>
    private static string[] ModulesToSave(ModelSpec spec) => (spec.Head, spec.Family) switch
    {
        (ModelHead.SequenceClassification, ModelFamily.Roberta) => ["classifier"],
        (ModelHead.SequenceClassification, ModelFamily.Bert) => ["classifier", "pooler"],
        (ModelHead.SequenceClassification, _) => ["score"],
        _ => [],
    };

    private static IEnumerable<LinearRole> Roles(ModelSpec spec) => LoraSpec.AllLinears.Where(r => spec.IsDecoder || r != LinearRole.Gate);

    private static void Refuse(JsonFields json)
    {
        if ((json.String("peft_type") ?? "") is var type and not "LORA")
            throw json.Error("peft_type", $"is \"{type}\", expected \"LORA\"");
        if ((json.String("bias") ?? "none") is var bias and not "none")
            throw json.Error("bias", $"is \"{bias}\": trained biases are not supported");
        foreach (string field in json.Names)
        {
            if (!json.TryGet(field, out var value) || IsEmpty(value))
                continue;
            bool variant = value.ValueKind is JsonValueKind.True or JsonValueKind.Array or JsonValueKind.Object && !Harmless.Contains(field);
            if (variant || Selections.Contains(field))
                throw json.Error(field, $"is {JsonFields.Short(value)}, which is not supported");
        }

        if (json.TryGet("init_lora_weights", out var start) && start.ValueKind == JsonValueKind.String && !Starts.Contains(start.GetString(), StringComparer.OrdinalIgnoreCase))
            throw json.Error("init_lora_weights", $"is {JsonFields.Short(start)}, which changes the base weights and is not supported");
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.ValueEquals(""),
        JsonValueKind.False => true,
        _ => false,
    };

    private static string[] ReadModulesToSave(JsonFields json, ModelSpec spec)
    {
        string[] saved = json.Has("modules_to_save") ? json.Strings("modules_to_save") : [];
        // PEFT names both usual heads when the task is classification, whatever the model calls its own.
        string[] known = [.. ModulesToSave(spec), "classifier", "score"];
        foreach (string module in saved.Where(m => !known.Contains(m)))
            throw json.Error("modules_to_save", $"holds \"{module}\": only the classification head can be trained beside the adapters");
        return saved;
    }

    private static Func<string, bool> TargetMatcher(JsonFields json)
    {
        var value = json.Require("target_modules");
        if (value.ValueKind == JsonValueKind.Array)
        {
            string[] targets = json.Strings("target_modules");
            return name => targets.Any(t => name == t || name.EndsWith("." + t, StringComparison.Ordinal));
        }

        string text = json.String("target_modules")!;
        if (text.Equals("all-linear", StringComparison.OrdinalIgnoreCase))
            return name => name.Contains(".layer", StringComparison.Ordinal); // .layer.N., .layers.N.: every linear of the blocks
        var pattern = Compile(json, "target_modules", $@"\A(?:{text})\z");
        return name => Matches(json, "target_modules", pattern, name);
    }

    /// <summary>rank_pattern and alpha_pattern: the first key that, as a regular expression, is the end of the module's name.</summary>
    private static Func<string, T?> Pattern<T>(JsonFields json, string field, Func<JsonElement, string, T?> read) where T : struct
    {
        if (json.Object(field) is not { } entries)
            return _ => null;
        var patterns = entries.Names.Select(key => (
            Regex: Compile(json, field, key.StartsWith('^') ? key : $@"\A(?:.*\.)?(?:{key})\z"),
            Value: read(entries.Require(key), $"{field}.{key}"))).ToArray();
        return name => patterns.FirstOrDefault(p => Matches(json, field, p.Regex, name)).Value;
    }

    private static Regex Compile(JsonFields json, string field, string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException e)
        {
            throw json.Error(field, $"is not a valid regular expression: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static bool Matches(JsonFields json, string field, Regex regex, string name)
    {
        try
        {
            return regex.IsMatch(name);
        }
        catch (RegexMatchTimeoutException)
        {
            throw json.Error(field, "takes too long to match");
        }
    }

    /// <summary>Linear layers outside the blocks, which a careless pattern also matches.</summary>
    private static IEnumerable<string> OtherLinears(ModelSpec spec) => (spec.Head, spec.Family) switch
    {
        (ModelHead.SequenceClassification, ModelFamily.Roberta) => ["classifier.dense", "classifier.out_proj"],
        (ModelHead.SequenceClassification, ModelFamily.Bert) => ["bert.pooler.dense", "classifier"],
        (ModelHead.SequenceClassification, _) => ["score"],
        (ModelHead.CausalLm, _) => ["lm_head"],
        (_, ModelFamily.Roberta) => ["lm_head.dense", "lm_head.decoder"],
        _ => ["cls.predictions.transform.dense", "cls.predictions.decoder"],
    };
}
