using System.Text.Json;
using System.Text.Json.Serialization;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Federated.Comparison;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Reporting;

/// <summary>
/// How a run's records look in JSON: camelCase names, kebab-case enumerations, and "NaN" and "Infinity" as strings, because a
/// run that diverged must still leave its records.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    Converters = [typeof(KebabCase<TaskKind>), typeof(KebabCase<DataFormat>), typeof(KebabCase<DataEncoding>)])]
[JsonSerializable(typeof(SimulationOptions))]
[JsonSerializable(typeof(RunSummary))]
[JsonSerializable(typeof(RoundRecord))]
[JsonSerializable(typeof(DeviceRecord))]
[JsonSerializable(typeof(ComparisonSummary))]
public sealed partial class RunJson : JsonSerializerContext
{
    private static RunJson? _indented;

    /// <summary>The same with line breaks, for files that people open. (Not an initialiser: its order to Default's is not defined.)</summary>
    public static RunJson Indented => _indented ??= new RunJson(new JsonSerializerOptions(Default.Options) { WriteIndented = true });
}

/// <summary>Enumerations as the command line spells them.</summary>
public sealed class KebabCase<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) where T : struct, Enum;
