using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using FedSpine.Engine;

namespace FedSpine.Cli;

/// <summary>
/// The tool: finds the verb, runs it, and turns every failure into one line on standard error and an exit code: 1 failed,
/// 2 bad usage or input, 130 interrupted.
/// </summary>
internal sealed class CommandLine
{
    private readonly Terminal _terminal;
    private readonly RootCommand _root = new("Federated LoRA tuning and structured pruning on weak devices.");
    private readonly IVerb[] _verbs;

    public CommandLine(Terminal terminal, IVerb[] verbs)
    {
        _terminal = terminal;
        _verbs = verbs;
        foreach (var verb in _verbs)
        {
            verb.Common.Tell = line => terminal.ErrorWriter.WriteLine($"fedspine: {line}");
            foreach (var option in verb.Groups.SelectMany(g => g.Options))
                verb.Command.Add(option);
            _root.Add(verb.Command);
        }

        _root.Options.OfType<HelpOption>().Single().Action = new HelpText(_verbs);
    }

    public int Run(string[] arguments, CancellationToken cancel)
    {
        var parsed = Parse(arguments);
        var verb = Array.Find(_verbs, v => v.Command == parsed.CommandResult.Command);
        if (parsed.Action is HelpText || (verb is null && parsed.Errors.Count == 0))
            return parsed.Invoke(new InvocationConfiguration { Output = _terminal.OutWriter, Error = _terminal.ErrorWriter });
        if (parsed.Errors.Count > 0 || verb is null)
            return Fail(Describe(parsed, verb), ExitCode.BadInput);
        try
        {
            verb.Common.Check(parsed);
            string[] local = HubArguments.Resolve(arguments, parsed, verb, _terminal, cancel);
            return verb.Run(local.SequenceEqual(arguments) ? parsed : Parse(local), cancel);
        }
        catch (Exception e)
        {
            return Fail(e, parsed.GetValue(verb.Common.Verbose));
        }
    }

    /// <summary>Response files (@FILE) are off: a value may well begin with @.</summary>
    internal ParseResult Parse(IReadOnlyList<string> arguments) => _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });

    private int Fail(Exception failure, bool verbose)
    {
        var (message, code) = failure switch
        {
            InterruptedException => (failure.Message, ExitCode.Interrupted),
            OperationCanceledException => ("stopped", ExitCode.Interrupted),
            InputException => (failure.Message, ExitCode.BadInput),
            FedSpineException or IOException or UnauthorizedAccessException => (failure.Message, ExitCode.Failed),
            InsufficientMemoryException => (failure.Message, ExitCode.Failed),
            OutOfMemoryException => ("out of memory", ExitCode.Failed),
            _ => ($"internal error: {failure.GetType().Name}: {failure.Message}{(verbose ? "" : " (--verbose shows where)")}", ExitCode.Failed),
        };
        Fail(message, code);
        if (verbose)
            _terminal.ErrorWriter.WriteLine(failure);
        return code;
    }

    private int Fail(string message, int code)
    {
        _terminal.ErrorWriter.WriteLine($"fedspine: {message.ReplaceLineEndings(" ").TrimEnd()}");
        return code;
    }

    private string Describe(ParseResult parsed, IVerb? verb)
    {
        string help = verb is null ? "fedspine --help" : $"fedspine {verb.Command.Name} --help";
        string what = parsed.UnmatchedTokens.Count > 0 ? Unknown(parsed.UnmatchedTokens[0], verb)
            : verb is null ? $"give a verb: {string.Join(" or ", _verbs.Select(v => v.Command.Name))}"
            : Describe(parsed.Errors[0]);
        return $"{what} (see {help})";
    }

    private static string Describe(ParseError error) => error.SymbolResult switch
    {
        OptionResult { Tokens.Count: 0 } option => $"{option.Option.Name} needs a value",
        OptionResult { IdentifierTokenCount: > 1 } option => $"{option.Option.Name} is given more than once",
        _ => error.Message.TrimEnd('.'),
    };

    private string Unknown(string token, IVerb? verb)
    {
        bool option = token.StartsWith('-');
        var known = option ? (verb?.Groups.SelectMany(g => g.Options).Select(o => o.Name) ?? []) : verb is null ? _verbs.Select(v => v.Command.Name) : [];
        string kind = option ? "unknown option" : verb is null ? "unknown verb" : "unexpected argument";
        string? near = known.OrderBy(name => Distance(name, token)).FirstOrDefault(name => Distance(name, token) <= Math.Max(2, token.Length / 3));
        return $"{kind} '{token}'{(near is null ? "" : $", did you mean {near}?")}";
    }

    /// <summary>Levenshtein's.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[b.Length];
    }
}
