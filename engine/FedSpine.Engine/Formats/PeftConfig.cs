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

    private static readonly string[] RefusedFlags = ["use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora"];

    private static readonly string[] RefusedFields =
    [
        "layers_to_transform", "layers_pattern", "layer_replication", "exclude_modules", "target_parameters", "trainable_token_indices",
        "megatron_config", "alora_invocation_tokens", "arrow_config",
    ];

    /// <summary>Ways to start that leave another base than the checkpoint behind.</summary>
    private static readonly string[] RefusedStarts = ["pissa", "olora", "loftq", "corda"];

    public static LoraSpec Read(string folder, ModelSpec spec)
    {
        var json = JsonFields.Read(Path.Combine(folder, FileName));
        Refuse(json);
        CheckModulesToSave(json, spec);
        int rank = json.Int("r", 1, MaxRank, 8);
        float alpha = json.Float("lora_alpha", float.MinValue, float.MaxValue, 8);
        bool rankStabilised = json.Bool("use_rslora", false);

        var matches = TargetMatcher(json);
        var targets = new List<LinearRole>();
        var overrides = new Dictionary<string, (int, float)>(StringComparer.Ordinal);
        Func<string, int?> ownRank = Pattern(json, "rank_pattern", (value, field) => (int?)json.Int(value, field, 1, MaxRank));
        Func<string, float?> ownAlpha = Pattern(json, "alpha_pattern", (value, field) => (float?)json.Float(value, field, float.MinValue, float.MaxValue));
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
        foreach (string name in OtherLinears(spec).Where(matches))
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
        foreach (string flag in RefusedFlags)
        {
            if (json.Bool(flag, false))
                throw json.Error(flag, "is true, which is not supported");
        }

        foreach (string field in RefusedFields)
        {
            if (json.TryGet(field, out var value) && !IsEmpty(value))
                throw json.Error(field, "is set, which is not supported");
        }

        if (json.TryGet("init_lora_weights", out var start) && start.ValueKind == JsonValueKind.String
            && RefusedStarts.Any(s => start.GetString()!.StartsWith(s, StringComparison.OrdinalIgnoreCase)))
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

    private static void CheckModulesToSave(JsonFields json, ModelSpec spec)
    {
        if (!json.Has("modules_to_save"))
            return;
        // PEFT names both usual heads when the task is classification, whatever the model calls its own.
        string[] known = [.. ModulesToSave(spec), "classifier", "score"];
        foreach (string module in json.Strings("modules_to_save").Where(m => !known.Contains(m)))
            throw json.Error("modules_to_save", $"holds \"{module}\": only the classification head can be trained beside the adapters");
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
            return name => name.Contains("layer", StringComparison.Ordinal);
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
