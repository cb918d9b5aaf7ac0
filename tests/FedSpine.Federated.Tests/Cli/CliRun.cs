using FedSpine.Cli;
using Spectre.Console;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>What a command line did.</summary>
internal sealed record CliRun(int Code, string Out, string Error)
{
    /// <summary>The one line that a failure leaves.</summary>
    public string Line
    {
        get
        {
            Assert.EndsWith(Environment.NewLine, Error);
            string line = Assert.Single(Error.TrimEnd().Split('\n'));
            Assert.StartsWith("fedspine: ", line);
            return line["fedspine: ".Length..];
        }
    }

    /// <summary>Runs the tool in this process, with the simulator replaced.</summary>
    public static CliRun Of(SimulateRun simulate, CancellationToken cancel, params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        int code = new CommandLine(new Terminal(Open(output), Open(error)), simulate).Run(arguments, cancel);
        return new CliRun(code, output.ToString(), error.ToString());
    }

    private static IAnsiConsole Open(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No,
    });
}
