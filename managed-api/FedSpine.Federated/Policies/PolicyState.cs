using System.Text.Json.Nodes;
using FedSpine.Engine;

namespace FedSpine.Federated.Policies;

/// <summary>Reads a policy's saved state; whatever is missing or of another kind is an <see cref="InputException"/> that names it.</summary>
internal static class PolicyState
{
    /// <summary>Refuses the state of another policy.</summary>
    public static void CheckName(JsonNode state, string name)
    {
        if (Text(state, "policy") is var saved && saved != name)
            throw new InputException($"the saved policy is '{saved}', this run uses '{name}'");
    }

    public static double Number(JsonNode state, string name) => Value(Member(state, name), name);

    public static int Integer(JsonNode state, string name)
    {
        double value = Number(state, name);
        return value == Math.Floor(value) && Math.Abs(value) <= int.MaxValue ? (int)value
            : throw new InputException($"policy state: {name} is {value}, expected an integer");
    }

    private static string Text(JsonNode state, string name) =>
        Member(state, name) is JsonValue value && value.TryGetValue(out string? text) ? text
            : throw new InputException($"policy state: {name} is not a string");

    /// <summary>Elements of an array member.</summary>
    public static IReadOnlyList<JsonNode> Elements(JsonNode state, string name) =>
        Member(state, name) is JsonArray array ? [.. array.Select((e, i) => e ?? throw new InputException($"policy state: {name}[{i}] is null"))]
            : throw new InputException($"policy state: {name} is not an array");

    /// <summary>An array of <paramref name="count"/> numbers.</summary>
    public static double[] Numbers(JsonNode array, string name, int count)
    {
        if (array is not JsonArray items || items.Count != count)
            throw new InputException($"policy state: {name} is not an array of {count} numbers");
        return [.. items.Select(item => Value(item, name))];
    }

    public static JsonNode Member(JsonNode state, string name) =>
        (state as JsonObject)?[name] ?? throw new InputException($"policy state: {name} is missing");

    /// <summary>Numbers are held as int or double before they are written, and as text tokens after they are read.</summary>
    private static double Value(JsonNode? node, string name) => node is JsonValue value
        ? value.TryGetValue(out double number) ? number
            : value.TryGetValue(out int integer) ? integer
            : throw new InputException($"policy state: {name} is not a number")
        : throw new InputException($"policy state: {name} is not a number");
}
