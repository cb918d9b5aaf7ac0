using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using FedSpine.Engine;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Reporting;

/// <summary>config.json: <see cref="SimulationOptions"/> and nothing else. A key that is left out has its default.</summary>
public static class SimulationConfig
{
    public static string Write(SimulationOptions options) => JsonSerializer.Serialize(options, RunJson.Indented.SimulationOptions);

    /// <exception cref="InputException">Not JSON, an unknown key, or a value of the wrong kind; names the file and the key.</exception>
    public static SimulationOptions Read(string path)
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
            throw InputException.InFile(path, "expected a JSON object of simulation options");
        var properties = RunJson.Default.SimulationOptions.Properties.ToDictionary(p => p.Name);
        foreach (var (key, value) in config)
        {
            if (!properties.TryGetValue(key, out var property))
                throw InputException.InFile(path, $"unknown key '{key}'; there are {string.Join(", ", properties.Keys)}");
            if (!Fits(value, property))
                throw InputException.InFile(path, $"{key} is {value?.ToJsonString() ?? "null"}; expected {Kind(property.PropertyType)}");
        }

        // Over the defaults, because generated code gives an init property that is left out its type's default, not its own.
        var complete = JsonSerializer.SerializeToNode(new SimulationOptions(), RunJson.Default.SimulationOptions)!.AsObject();
        foreach (var (key, value) in config)
            complete[key] = value?.DeepClone();
        return complete.Deserialize(RunJson.Default.SimulationOptions)!;
    }

    private static bool Fits(JsonNode? value, JsonPropertyInfo property)
    {
        if (value is null)
            return property.IsSetNullable;
        try
        {
            return value.Deserialize(RunJson.Default.Options.GetTypeInfo(property.PropertyType)) is not double number || double.IsFinite(number);
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
