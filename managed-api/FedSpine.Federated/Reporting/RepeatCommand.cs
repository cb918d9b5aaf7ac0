using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Reporting;

/// <summary>The command line that repeats a run: every option that differs from its default.</summary>
public static class RepeatCommand
{
    /// <summary>Settings that are true by their option alone; one that may also be left to the method takes a value.</summary>
    private static readonly HashSet<string> Flags =
        [.. RunJson.Default.SimulationOptions.Properties.Where(p => p.PropertyType == typeof(bool)).Select(p => p.Name)];

    public static string For(SimulationOptions options)
    {
        // A complete configuration also holds what its method decided; that needs no option.
        var own = MethodCatalog.Find(options.Method);
        var defaults = ToJson(Method.Complete(new SimulationOptions { Method = own.Name, Task = options.Task }) with
        {
            Method = MethodCatalog.FedSpine.Name, Task = new SimulationOptions().Task,
        });
        var command = new StringBuilder("fedspine simulate");
        foreach (var (key, value) in ToJson(options))
        {
            if (!JsonNode.DeepEquals(value, defaults[key]) && value is not null)
                command.Append(' ').Append(Option(key, value));
        }

        return command.ToString();
    }

    /// <summary>"--target-sparsity" for "targetSparsity".</summary>
    public static string OptionName(string key) => key switch
    {
        "learningRate" => "--lr",
        "reference" => "--no-reference",
        _ => "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(key),
    };

    private static string Option(string key, JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.True or JsonValueKind.False when Flags.Contains(key) => OptionName(key),
        JsonValueKind.String => $"{OptionName(key)} {ShellQuote.Quote(value.GetValue<string>())}",
        _ => $"{OptionName(key)} {value.ToJsonString()}",
    };

    private static JsonObject ToJson(SimulationOptions options) =>
        JsonSerializer.SerializeToNode(options, RunJson.Default.SimulationOptions)!.AsObject();
}
