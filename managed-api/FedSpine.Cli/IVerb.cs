using System.CommandLine;

namespace FedSpine.Cli;

/// <summary>A verb of the tool: its options, and what it does.</summary>
internal interface IVerb
{
    Command Command { get; }

    CommonOptions Common { get; }

    /// <summary>A line for the list of verbs.</summary>
    string Summary { get; }

    /// <summary>Options by heading, in the order of the help.</summary>
    IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    /// <summary>Command lines with what they do.</summary>
    IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; }

    /// <returns>The exit code.</returns>
    int Run(ParseResult parsed, CancellationToken cancel);
}
