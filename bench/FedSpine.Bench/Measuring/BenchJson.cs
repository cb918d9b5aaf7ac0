using System.Text.Json;

namespace FedSpine.Bench.Measuring;

/// <summary>How the commands write JSON: camel case, indented, one object.</summary>
internal static class BenchJson
{
    public static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);
}
