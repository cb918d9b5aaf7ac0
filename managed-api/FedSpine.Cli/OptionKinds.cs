using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using FedSpine.Engine;
using FedSpine.Engine.Hub;

namespace FedSpine.Cli;

/// <summary>Options by kind of value: what does not parse says which option, what was found and what is expected.</summary>
internal static class OptionKinds
{
    public static Option<int?> Integer(string name, string unit, string description) => Number<int>(name, unit, description, $"a whole number, at most {int.MaxValue}");

    public static Option<ulong?> Seed(string name, string description) => Number<ulong>(name, "N", description, $"a whole number from 0 to {ulong.MaxValue}");

    public static Option<double?> Real(string name, string unit, string description) => Number<double>(name, unit, description, "a number");

    public static Option<long?> Bytes(string name, string description) => new(name)
    {
        HelpName = "SIZE",
        Description = description,
        CustomParser = result => ByteSize.TryParse(result.Tokens[0].Value, out long bytes) ? bytes : Fail<long?>(result, name, result.Tokens[0].Value, "an amount such as 900MB or 1.5GiB"),
    };

    public static Option<string?> Text(string name, string unit, string description) => new(name)
    {
        HelpName = unit,
        Description = description,
        CustomParser = result => result.Tokens[0].Value is { Length: > 0 } text ? text : Fail<string?>(result, name, "", "something"),
    };

    /// <summary>A text that may be given several times.</summary>
    public static Option<string[]> Texts(string name, string unit, string description) => new(name)
    {
        HelpName = unit,
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result => [.. result.Tokens.Select(t => t.Value)],
    };

    /// <summary>A file or folder, made absolute so that a run can be repeated and resumed from anywhere.</summary>
    public static Option<string?> FilePath(string name, string unit, string description)
    {
        var option = Text(name, unit, description);
        option.CustomParser = result => result.Tokens[0].Value is { Length: > 0 } path ? Path.GetFullPath(path) : Fail<string?>(result, name, "", "a path");
        return option;
    }

    /// <summary>A model or an adapter: a path, or "hub:OWNER/NAME[@REVISION]" as it is.</summary>
    public static Option<string?> ModelPath(string name, string description)
    {
        var option = new ModelOption(name) { HelpName = $"PATH|{HubReference.Prefix}OWNER/NAME", Description = description };
        option.CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            try
            {
                if (text.Length == 0)
                    return Fail<string?>(result, name, "", "a path");
                if (!HubReference.Is(text))
                    return Path.GetFullPath(text);
                HubReference.Parse(text);
                return text;
            }
            catch (InputException e)
            {
                result.AddError($"{name} {e.Message}");
                return null;
            }
        };
        return option;
    }

    public static bool IsModel(Option option) => option is ModelOption;

    public static Option<T?> Choice<T>(string name, string description, params (string Name, T Value)[] choices) where T : struct => new(name)
    {
        HelpName = string.Join('|', choices.Select(c => c.Name)),
        Description = description,
        CustomParser = result => Array.FindIndex(choices, c => c.Name == result.Tokens[0].Value) is >= 0 and var i
            ? choices[i].Value
            : Fail<T?>(result, name, result.Tokens[0].Value, string.Join(" or ", choices.Select(c => c.Name))),
    };

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.Zero };

    private sealed class ModelOption(string name) : Option<string?>(name);

    /// <summary>The number that was given; null without one.</summary>
    /// <exception cref="InputException">It is below 1.</exception>
    public static int? AtLeastOne(ParseResult parsed, Option<int?> option) => parsed.GetValue(option) switch
    {
        < 1 and var n => throw new InputException($"{option.Name} {n}: expected at least 1"),
        var n => n,
    };

    private static Option<T?> Number<T>(string name, string unit, string description, string kind) where T : struct, INumber<T> => new(name)
    {
        HelpName = unit,
        Description = description,
        CustomParser = result => T.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && T.IsFinite(value)
            ? value
            : Fail<T?>(result, name, result.Tokens[0].Value, kind),
    };

    private static T? Fail<T>(ArgumentResult result, string name, string found, string expected)
    {
        result.AddError($"{name} {(found.Length > 0 ? found : "''")}: expected {expected}");
        return default;
    }
}
