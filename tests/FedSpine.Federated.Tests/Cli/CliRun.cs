using FedSpine.Cli;
using Spectre.Console;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>What a command line did.</summary>
internal sealed record CliRun(int Code, string Out, string Error)
{
    /// <summary>The accelerator that verbs take without --device; null: the host.</summary>
    public static string? DefaultDevice { get => Default.Value; set => Default.Value = value; }

    private static readonly AsyncLocal<string?> Default = new();

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
    public static CliRun Of(SimulateRun simulate, CancellationToken cancel, params string[] arguments) =>
        Of(simulate, (_, _, _, _, _, _, _) => throw new InvalidOperationException("pretraining was not asked for"), cancel, arguments);

    /// <summary>The same with the pretrainer replaced.</summary>
    public static CliRun Of(PretrainRun pretrain, CancellationToken cancel, params string[] arguments) =>
        Of((_, _, _, _, _, _) => throw new InvalidOperationException("a simulation was not asked for"), pretrain, cancel, arguments);

    /// <summary>A verb that computes here, with something on standard input: piped, or typed.</summary>
    public static CliRun WithInput(string input, bool typed, CancellationToken cancel, params string[] arguments) =>
        Of((_, _, _, _, _, _) => throw new InvalidOperationException("a simulation was not asked for"),
            (_, _, _, _, _, _, _) => throw new InvalidOperationException("pretraining was not asked for"), cancel, arguments, new StringReader(input), typed);

    private static CliRun Of(SimulateRun simulate, PretrainRun pretrain, CancellationToken cancel, string[] arguments, TextReader? input = null, bool typed = false)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var terminal = new Terminal(Open(output), Open(error)) { In = input ?? TextReader.Null, InIsTerminal = typed };
        var verbs = Verbs.Create(terminal, simulate, pretrain);
        foreach (var verb in verbs)
            verb.Common.FindDefault = () => DefaultDevice; // whatever the machine has
        int code = new CommandLine(terminal, verbs).Run(arguments, cancel);
        return new CliRun(code, output.ToString(), error.ToString());
    }

    private static IAnsiConsole Open(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No,
    });
}
