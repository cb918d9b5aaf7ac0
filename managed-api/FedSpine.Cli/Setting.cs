using System.CommandLine;
using FedSpine.Federated.Simulation;

namespace FedSpine.Cli;

/// <summary>An option that sets one of a run's settings when it is given, over the configuration file or the default.</summary>
internal abstract class Setting(Option option, string heading)
{
    public Option Option { get; } = option;

    public string Heading { get; } = heading;

    public bool IsGiven(ParseResult parsed) => parsed.GetResult(Option) is { Implicit: false };

    public abstract SimulationOptions Apply(ParseResult parsed, SimulationOptions options);
}

internal sealed class Setting<T>(Option<T> option, string heading, Func<SimulationOptions, T, SimulationOptions> apply) : Setting(option, heading)
{
    public override SimulationOptions Apply(ParseResult parsed, SimulationOptions options) =>
        IsGiven(parsed) ? apply(options, parsed.GetRequiredValue(option)) : options;
}
