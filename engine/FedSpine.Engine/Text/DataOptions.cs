namespace FedSpine.Engine.Text;

public enum DataFormat
{
    /// <summary>By extension: .tsv, .csv, .jsonl and .ndjson, .all (label first); anything else is plain text.</summary>
    Auto,
    Tsv,
    Csv,

    /// <summary>One JSON object a line.</summary>
    Jsonl,

    /// <summary>Plain text, cut into documents as <see cref="DataOptions.Documents"/> says.</summary>
    Text,

    /// <summary>One example a line: label, a blank, text.</summary>
    LabelFirst,
}

public enum DataEncoding
{
    Utf8,
    Latin1,
}

public enum DocumentCut
{
    /// <summary>Blank lines end a document.</summary>
    Paragraphs,
    Lines,
    WholeFile,
}

/// <summary>
/// How a data file is read. Columns are given by name or by index from 0; null means the usual name (sentence, text, sentence1
/// with sentence2, label, domain, ...), or text then label in a table of two columns without header.
/// </summary>
public sealed record DataOptions
{
    public static DataOptions Default { get; } = new();

    public DataFormat Format { get; init; }

    public string? TextColumn { get; init; }

    public string? PairColumn { get; init; }

    public string? LabelColumn { get; init; }

    public string? DomainColumn { get; init; }

    /// <summary>Whether a table's first row names the columns; null: when it holds a usual name or one given here.</summary>
    public bool? Header { get; init; }

    /// <summary>
    /// Whether fields may be quoted as in RFC 4180; null: yes for CSV, and for TSV when some field starts with a quote and all
    /// quotes are closed and doubled as RFC 4180 wants (GLUE's files are not quoted: a quote is a quote).
    /// </summary>
    public bool? Quoted { get; init; }

    public DataEncoding Encoding { get; init; }

    public DocumentCut Documents { get; init; }
}
