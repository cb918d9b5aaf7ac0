using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Hub;
using FedSpine.Federated.Reporting;

namespace FedSpine.Federated.Comparison;

/// <summary>Settings as people type them: "option=value,option=value", by the names of simulate's options.</summary>
public static class SettingsText
{
    /// <param name="where">For messages: the option that holds them.</param>
    /// <exception cref="InputException">An unknown option, or a value of the wrong kind.</exception>
    public static JsonObject Parse(IEnumerable<string> pairs, string where)
    {
        var settings = new JsonObject();
        foreach (string pair in pairs)
        {
            int at = pair.IndexOf('=');
            var (option, text) = at < 0 ? (pair, "true") : (pair[..at], pair[(at + 1)..]);
            string key = Key(option);
            var property = RunJson.Default.SimulationOptions.Properties.FirstOrDefault(p => p.Name == key && p.Name is not ("reference" or "seed"))
                ?? throw new InputException($"{where}: '{option}' is no setting of a run (fedspine simulate --help lists them)");
            if (!settings.TryAdd(key, Value(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType, text)
                ?? throw new InputException($"{where}: {option}={text} is not a value of {option}")))
                throw new InputException($"{where}: {option} is given twice");
            if (key is "model" or "data" or "evalData" && !HubReference.Is(text))
                settings[key] = Path.GetFullPath(text);
        }

        return settings;
    }

    /// <summary>The key in config.json of an option: "targetSparsity" for "target-sparsity".</summary>
    public static string Key(string option) =>
        option == "lr" ? "learningRate" : JsonNamingPolicy.CamelCase.ConvertName(string.Concat(option.Split('-').Select(Capital)));

    private static string Capital(string word) => word.Length == 0 ? "" : char.ToUpperInvariant(word[0]) + word[1..];

    private static JsonValue? Value(Type type, string text) => type switch
    {
        _ when type == typeof(bool) => bool.TryParse(text, out bool flag) ? JsonValue.Create(flag) : null,
        _ when type == typeof(int) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole) ? JsonValue.Create(whole) : null,
        _ when type == typeof(double) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) && double.IsFinite(real) ? JsonValue.Create(real) : null,
        _ => text.Length > 0 ? JsonValue.Create(text) : null,
    };
}
