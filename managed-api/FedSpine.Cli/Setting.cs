using System.CommandLine;

namespace FedSpine.Cli;

/// <summary>An option that sets one of a verb's settings when it is given, over the configuration file or the default.</summary>
internal abstract class Setting<TSettings>(Option option, string heading)
{
    public Option Option { get; } = option;

    public string Heading { get; } = heading;

    public bool IsGiven(ParseResult parsed) => parsed.GetResult(Option) is { Implicit: false };

    public abstract TSettings Apply(ParseResult parsed, TSettings settings);
}

internal sealed class Setting<TSettings, T>(Option<T> option, string heading, Func<TSettings, T, TSettings> apply) : Setting<TSettings>(option, heading)
{
    public override TSettings Apply(ParseResult parsed, TSettings settings) =>
        IsGiven(parsed) ? apply(settings, parsed.GetRequiredValue(option)) : settings;
}
