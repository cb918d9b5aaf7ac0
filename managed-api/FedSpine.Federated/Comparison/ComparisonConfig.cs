using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FedSpine.Engine;
using FedSpine.Engine.Hub;
using FedSpine.Federated.Methods;

namespace FedSpine.Federated.Comparison;

/// <summary>
/// compare.json: {"settings": {...}, "methods": [NAME, ...], "variants": {NAME: {...}}, "dataSets": {NAME: {...}}, "seeds": [1, 2, 3],
/// "reference": true}, where {...} holds keys of a run's config.json. Relative paths are those of the working folder.
/// </summary>
public static partial class ComparisonConfig
{
    public const string FileName = "compare.json";

    private static readonly string[] Keys = ["settings", "methods", "variants", "dataSets", "seeds", "reference"];

    private static readonly string[] Paths = ["model", "data", "evalData"];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>What the file says; variants and data sets may be empty, for options to fill.</summary>
    /// <exception cref="InputException">Not such a file; names it and the key.</exception>
    public static ComparisonPlan Read(string path)
    {
        if (!File.Exists(path))
            throw InputException.InFile(path, "no such file");
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path), null, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false })
                as JsonObject ?? throw InputException.InFile(path, "expected a JSON object");
            if (json.FirstOrDefault(p => !Keys.Contains(p.Key)) is { Key: { } unknown })
                throw InputException.InFile(path, $"unknown key '{unknown}'; there are {string.Join(", ", Keys)}");
            return new ComparisonPlan
            {
                Settings = Settings(path, "settings", json["settings"] ?? new JsonObject()),
                Variants = [.. OfMethods((json["methods"]?.AsArray() ?? []).Select(m => (string)m!)), .. Named(path, "variants", json["variants"])],
                DataSets = Named(path, "dataSets", json["dataSets"]),
                Seeds = json["seeds"] is { } seeds ? [.. seeds.AsArray().Select(s => (ulong)s!)] : [1, 2, 3],
                Reference = (bool?)json["reference"] ?? true,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw InputException.InFile(path, $"is not a comparison: {e.Message.Split(" LineNumber:")[0]}", e);
        }
    }

    public static string Write(ComparisonPlan plan) => new JsonObject
    {
        ["settings"] = plan.Settings.DeepClone(),
        ["variants"] = new JsonObject(plan.Variants.Select(v => KeyValuePair.Create(v.Name, (JsonNode?)v.Settings.DeepClone()))),
        ["dataSets"] = new JsonObject(plan.DataSets.Select(v => KeyValuePair.Create(v.Name, (JsonNode?)v.Settings.DeepClone()))),
        ["seeds"] = new JsonArray([.. plan.Seeds.Select(s => (JsonNode)s)]),
        ["reference"] = plan.Reference,
    }.ToJsonString(Indented) + "\n";

    /// <summary>A variant per method; "all" stands for every one.</summary>
    /// <exception cref="InputException">An unknown method.</exception>
    public static IEnumerable<NamedSettings> OfMethods(IEnumerable<string> names) => names.SelectMany(name => name == "all" ? MethodCatalog.Names : [MethodCatalog.Find(name).Name])
        .Select(name => new NamedSettings(name, new JsonObject { ["method"] = name }));

    /// <exception cref="InputException">Something is missing, named twice or not a name.</exception>
    public static void Check(ComparisonPlan plan)
    {
        if (plan.Variants.Count == 0)
            throw new InputException("nothing to compare: give --methods, or --variant NAME:option=value,...");
        if (plan.Seeds.Count == 0)
            throw new InputException("--seeds is empty: give at least one");
        foreach (var (what, names) in new[] { ("variant", plan.Variants.Select(v => v.Name)), ("data set", plan.DataSets.Select(d => d.Name)), ("seed", plan.Seeds.Select(s => s.ToString())) })
        {
            if (names.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw new InputException($"{what} {twice.Key} is there twice");
            if (names.FirstOrDefault(n => !Name().IsMatch(n)) is { } bad)
                throw new InputException($"{what} '{bad}': a name is letters, digits, '.', '_' and '-', at most 60");
        }

        if (plan.Variants.FirstOrDefault(v => v.Name.StartsWith(ComparisonPlan.Unpruned, StringComparison.OrdinalIgnoreCase)) is { } taken)
            throw new InputException($"variant {taken.Name}: names that begin with {ComparisonPlan.Unpruned} are those of the reference");
    }

    private static IReadOnlyList<NamedSettings> Named(string path, string key, JsonNode? node) =>
        [.. (node?.AsObject() ?? []).Select(p => new NamedSettings(p.Key, Settings(path, $"{key}.{p.Key}", p.Value)))];

    private static JsonObject Settings(string path, string key, JsonNode? node)
    {
        var settings = (node as JsonObject ?? throw InputException.InFile(path, $"{key}: expected a JSON object of settings")).DeepClone().AsObject();
        foreach (string name in Paths)
        {
            if (settings[name] is JsonValue value && value.TryGetValue(out string? given) && !HubReference.Is(given))
                settings[name] = Path.GetFullPath(given);
        }

        return settings;
    }

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,60}$")]
    private static partial Regex Name();
}
