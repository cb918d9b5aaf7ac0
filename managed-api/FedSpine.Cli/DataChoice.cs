using System.CommandLine;
using FedSpine.Engine.Text;
using static FedSpine.Cli.OptionKinds;

namespace FedSpine.Cli;

/// <summary>How a data file is read, as every verb that reads one takes it. One set of instances a verb.</summary>
internal sealed class DataChoice
{
    public const string Group = "Data";

    private readonly Option<string?> _text = Text("--text-column", "COLUMN", "name or 0-based number (default: found by the usual names)");
    private readonly Option<string?> _pair = Text("--pair-column", "COLUMN", "second text of a pair, or the answer to a prompt (default: found by the usual names)");
    private readonly Option<string?> _label = Text("--label-column", "COLUMN", "name or 0-based number (default: found by the usual names)");
    private readonly Option<DataFormat?> _format = Format();
    private readonly Option<DataEncoding?> _encoding = Encoding();

    /// <summary>Without --label-column.</summary>
    public IReadOnlyList<Option> Unlabelled => [_text, _pair, _format, _encoding];

    public IReadOnlyList<Option> All => [_text, _pair, _label, _format, _encoding];

    public static Option<DataFormat?> Format() => Choice("--data-format", "of the data files; label-first: a label, a blank, the text (default: by extension)",
        ("tsv", DataFormat.Tsv), ("csv", DataFormat.Csv), ("jsonl", DataFormat.Jsonl), ("text", DataFormat.Text), ("label-first", DataFormat.LabelFirst));

    public static Option<DataEncoding?> Encoding() => Choice("--encoding", "of the data files (default: utf8)",
        ("utf8", DataEncoding.Utf8), ("latin1", DataEncoding.Latin1));

    public DataOptions Read(ParseResult parsed) => new()
    {
        Format = parsed.GetValue(_format) ?? DataFormat.Auto,
        Encoding = parsed.GetValue(_encoding) ?? DataEncoding.Utf8,
        TextColumn = parsed.GetValue(_text),
        PairColumn = parsed.GetValue(_pair),
        LabelColumn = parsed.CommandResult.Command.Options.Contains(_label) ? parsed.GetValue(_label) : null,
    };

    public Option? FirstGiven(ParseResult parsed) => All.FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false });
}
