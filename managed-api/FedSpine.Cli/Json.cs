using System.Globalization;
using System.Text.Json.Nodes;

namespace FedSpine.Cli;

/// <summary>Numbers in JSON output.</summary>
internal static class Json
{
    /// <summary>JSON has no NaN and no infinity: null stands for them.</summary>
    public static double? Finite(double value) => double.IsFinite(value) ? value : null;

    /// <summary>A number of whatever type it was made from; NaN for null.</summary>
    public static double Number(JsonNode? node) => node is null ? double.NaN : double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);
}
