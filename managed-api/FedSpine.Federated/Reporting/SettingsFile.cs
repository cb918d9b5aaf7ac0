using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using FedSpine.Engine;

namespace FedSpine.Federated.Reporting;

/// <summary>Settings as one JSON object, a key a property. A key that is left out has its default.</summary>
public static class SettingsFile
{
    /// <param name="info">Of the settings, with string enumerations.</param>
    /// <param name="defaults">Values of the keys that are left out.</param>
    /// <exception cref="InputException">Not JSON, an unknown key, or a value of the wrong kind; names the file and the key.</exception>
    public static T Read<T>(string path, JsonTypeInfo<T> info, T defaults)
    {
        if (!File.Exists(path))
            throw InputException.InFile(path, "no such file");
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(File.ReadAllText(path), null,
                new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            string where = e.LineNumber is { } line ? $"line {line + 1}: " : "";
            throw InputException.InFile(path, $"not JSON: {where}{e.Message.Split(" LineNumber:")[0]}", e);
        }

        if (node is not JsonObject config)
            throw InputException.InFile(path, "expected a JSON object of settings");
        return Apply(config, info, defaults, path);
    }

    /// <param name="settings">Goes over <paramref name="defaults"/>.</param>
    /// <param name="where">What messages begin with.</param>
    /// <exception cref="InputException">An unknown key, or a value of the wrong kind.</exception>
    public static T Apply<T>(JsonObject settings, JsonTypeInfo<T> info, T defaults, string where)
    {
        var properties = info.Properties.ToDictionary(p => p.Name);
        foreach (var (key, value) in settings)
        {
            if (!properties.TryGetValue(key, out var property))
                throw InputException.InFile(where, $"unknown key '{key}'; there are {string.Join(", ", properties.Keys)}");
            if (!Fits(value, property, info))
                throw InputException.InFile(where, $"{key} is {value?.ToJsonString() ?? "null"}; expected {Kind(property.PropertyType)}");
        }

        // Over the defaults, because generated code gives an init property that is left out its type's default, not its own.
        var complete = JsonSerializer.SerializeToNode(defaults, info)!.AsObject();
        foreach (var (key, value) in settings)
            complete[key] = value?.DeepClone();
        return complete.Deserialize(info)!;
    }

    private static bool Fits(JsonNode? value, JsonPropertyInfo property, JsonTypeInfo info)
    {
        if (value is null)
            return property.IsSetNullable;
        try
        {
            return value.Deserialize(info.Options.GetTypeInfo(property.PropertyType)) is not double number || double.IsFinite(number);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Kind(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var t when t == typeof(int) => "a whole number",
        var t when t == typeof(ulong) => "a whole number, not negative",
        var t when t == typeof(double) => "a number",
        var t when t == typeof(bool) => "true or false",
        var t when t.IsEnum => string.Join(" or ", Enum.GetNames(t).Select(n => $"\"{JsonNamingPolicy.KebabCaseLower.ConvertName(n)}\"")),
        _ => "a string",
    };
}
