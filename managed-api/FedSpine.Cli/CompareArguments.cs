using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Federated.Comparison;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Cli;

/// <summary>What <c>compare</c> is to compare, as options and as a file.</summary>
internal sealed class CompareArguments
{
    /// <summary>Settings that data sets, variants and seeds have of their own.</summary>
    private static readonly string[] OfCells = ["--data", "--eval-data", "--seed", "--method", "--no-reference"];

    private readonly Option<string?> _methods = OptionKinds.Text("--methods", "A,B,...", "methods to compare, or all; the first is the one that the others are compared with");
    private readonly Option<string[]> _variants = OptionKinds.Texts("--variant", "NAME:OPTION=VALUE,...", "also a variant with these options of simulate; may be repeated");
    private readonly Option<string[]> _dataSets = OptionKinds.Texts("--data-set", "NAME=FILE[,EVALFILE][,OPTION=VALUE...]", "a data set, with its options of simulate; may be repeated (default: the bundled sample)");
    private readonly Option<string?> _seeds = OptionKinds.Text("--seeds", "1,2,...", "seeds (default: 1,2,3)");
    private readonly Option<bool> _noReference = OptionKinds.Flag("--no-reference", "do not also run without pruning");
    private readonly Option<string?> _config = OptionKinds.FilePath("--config", "FILE", "all of this as JSON, such as a comparison's compare.json; options given here go over it");
    private readonly Setting<SimulationOptions>[] _settings = [.. SimulateSettings.Create().Where(s => !OfCells.Contains(s.Option.Name))];

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups =>
    [
        ("What to compare", [_methods, _variants, _dataSets, _seeds, _noReference, _config]),
        .. _settings.GroupBy(s => s.Heading).Select(g => (g.Key, (IReadOnlyList<Option>)[.. g.Select(s => s.Option)])),
    ];

    /// <exception cref="InputException">Something that is no method, data set, seed or setting.</exception>
    public ComparisonPlan Read(ParseResult parsed)
    {
        var plan = parsed.GetValue(_config) is { } path ? ComparisonConfig.Read(path) : new ComparisonPlan { Variants = [], DataSets = [] };
        var settings = plan.Settings.DeepClone().AsObject();
        foreach (var setting in _settings.Where(s => s.IsGiven(parsed)))
        {
            string key = SettingsText.Key(setting.Option.Name[2..]);
            settings[key] = JsonSerializer.SerializeToNode(setting.Apply(parsed, new SimulationOptions()), RunJson.Default.SimulationOptions)![key]?.DeepClone();
        }

        string[] variants = parsed.GetValue(_variants) ?? [], dataSets = parsed.GetValue(_dataSets) ?? [];
        string? methods = parsed.GetValue(_methods);
        var given = ComparisonConfig.OfMethods(Split(methods)).Concat(variants.Select(Variant)).ToList();
        if (given.Count > 0)
            plan = plan with { Variants = given };
        if (dataSets.Length > 0)
            plan = plan with { DataSets = [.. dataSets.Select(DataSet)] };
        else if (plan.DataSets.Count == 0)
            plan = plan with { DataSets = [new NamedSettings("sample", [])] };
        if (parsed.GetValue(_seeds) is { } seeds)
            plan = plan with { Seeds = [.. Split(seeds).Select(Seed)] };
        return plan with { Settings = settings, Reference = plan.Reference && !parsed.GetValue(_noReference) };
    }

    private static NamedSettings Variant(string text)
    {
        int colon = text.IndexOf(':');
        string name = colon < 0 ? text : text[..colon];
        return new NamedSettings(name, SettingsText.Parse(Split(colon < 0 ? null : text[(colon + 1)..]), $"--variant {name}"));
    }

    private static NamedSettings DataSet(string text)
    {
        string[] parts = text.Split(',');
        int at = parts[0].IndexOf('=');
        if (at < 1 || at == parts[0].Length - 1)
            throw new InputException($"--data-set {text}: expected NAME=FILE[,EVALFILE][,OPTION=VALUE...]");
        string[] files = [.. parts.Skip(1).TakeWhile(p => !p.Contains('='))];
        if (files.Length > 1)
            throw new InputException($"--data-set {text}: '{files[1]}' is neither the test file, which comes second, nor OPTION=VALUE");
        string name = parts[0][..at];
        return new NamedSettings(name, SettingsText.Parse(
            [$"data={parts[0][(at + 1)..]}", .. files.Select(f => $"eval-data={f}"), .. parts.Skip(1 + files.Length)], $"--data-set {name}"));
    }

    private static ulong Seed(string text) => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
        ? seed : throw new InputException($"--seeds {text}: expected whole numbers, such as 1,2,3");

    private static string[] Split(string? list) => list?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
}
