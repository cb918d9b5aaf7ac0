using System.CommandLine;
using System.CommandLine.Invocation;

namespace FedSpine.Cli;

/// <summary>--help: options under headings, in 80 columns, with examples at the end.</summary>
internal sealed class HelpText(IReadOnlyList<IVerb> verbs) : SynchronousCommandLineAction
{
    private const int Columns = 80, Indent = 28;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parsed)
    {
        var output = parsed.InvocationConfiguration.Output;
        if (verbs.FirstOrDefault(v => v.Command == parsed.CommandResult.Command) is { } verb)
            WriteVerb(output, verb);
        else
            WriteRoot(output);
        return ExitCode.Done;
    }

    private void WriteRoot(TextWriter output)
    {
        output.WriteLine("fedspine: federated LoRA tuning and structured pruning on weak devices.");
        output.WriteLine();
        output.WriteLine("Usage: fedspine VERB [options]");
        output.WriteLine();
        output.WriteLine("Verbs");
        foreach (var verb in verbs)
            WriteRow(output, verb.Command.Name, verb.Summary);
        output.WriteLine();
        output.WriteLine("'fedspine VERB --help' lists a verb's options; 'fedspine --version' the version.");
        output.WriteLine("Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted.");
    }

    private static void WriteVerb(TextWriter output, IVerb verb)
    {
        WriteWrapped(output, verb.Command.Description!, 0);
        output.WriteLine();
        output.WriteLine($"Usage: fedspine {verb.Command.Name} [options]");
        foreach (var (heading, options) in verb.Groups)
        {
            output.WriteLine();
            output.WriteLine(heading);
            foreach (var option in options)
                WriteRow(output, option.HelpName is { } value ? $"{option.Name} {value}" : option.Name, option.Description!);
        }

        WriteRow(output, "--help", "this text");
        output.WriteLine();
        output.WriteLine("Examples");
        foreach (var (commandLine, purpose) in verb.Examples)
        {
            output.WriteLine($"  # {purpose}");
            output.WriteLine($"  {commandLine}");
        }
    }

    private static void WriteRow(TextWriter output, string name, string description)
    {
        output.Write($"  {name}");
        if (name.Length + 2 > Indent - 2)
            output.WriteLine();
        else
            output.Write(new string(' ', Indent - name.Length - 2));
        WriteWrapped(output, description, Indent, name.Length + 2 > Indent - 2);
    }

    private static void WriteWrapped(TextWriter output, string text, int indent, bool atLineStart = false)
    {
        if (atLineStart)
            output.Write(new string(' ', indent));
        int column = indent;
        foreach (string word in text.Split(' '))
        {
            if (column > indent && column + 1 + word.Length > Columns)
            {
                output.WriteLine();
                output.Write(new string(' ', indent));
                column = indent;
            }
            else if (column > indent)
            {
                output.Write(' ');
                column++;
            }

            output.Write(word);
            column += word.Length;
        }

        output.WriteLine();
    }
}
