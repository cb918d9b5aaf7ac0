using Spectre.Console;

namespace FedSpine.Cli;

/// <summary>Where the tool writes: results to <see cref="Out"/>, errors to <see cref="Error"/>.</summary>
internal sealed record Terminal(IAnsiConsole Out, IAnsiConsole Error)
{
    public static Terminal OfProcess() => new(Open(Console.Out), Open(Console.Error));

    private static IAnsiConsole Open(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });

    public TextWriter OutWriter => Out.Profile.Out.Writer;

    public TextWriter ErrorWriter => Error.Profile.Out.Writer;
}
