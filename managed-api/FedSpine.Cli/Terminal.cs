using Spectre.Console;

namespace FedSpine.Cli;

/// <summary>Where the tool writes, results to <see cref="Out"/> and errors to <see cref="Error"/>, and what it reads.</summary>
internal sealed record Terminal(IAnsiConsole Out, IAnsiConsole Error)
{
    public static Terminal OfProcess(Interruption interruption) => new(Open(Console.Out), Open(Console.Error))
    {
        In = Console.In, InIsTerminal = !Console.IsInputRedirected, Interruption = interruption,
    };

    /// <summary>What is piped or typed in.</summary>
    public TextReader In { get; init; } = TextReader.Null;

    /// <summary>Whether somebody types.</summary>
    public bool InIsTerminal { get; init; }

    /// <summary>Ctrl-C, for verbs that go on after it; null: there is no keyboard.</summary>
    public Interruption? Interruption { get; init; }

    private static IAnsiConsole Open(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });

    public TextWriter OutWriter => Out.Profile.Out.Writer;

    public TextWriter ErrorWriter => Error.Profile.Out.Writer;
}
