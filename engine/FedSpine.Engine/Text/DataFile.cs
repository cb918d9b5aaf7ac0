namespace FedSpine.Engine.Text;

/// <summary>Reads labelled or plain text from TSV, CSV, JSONL, label-first lines and plain text.</summary>
public static class DataFile
{
    /// <summary>All records, in file order. Labels are null where the file has no label column.</summary>
    /// <exception cref="InputException">
    /// The path is missing or empty, text is in another encoding, a column is missing, a row has the wrong number of columns or is
    /// not JSON: "FILE:LINE: what".
    /// </exception>
    public static IReadOnlyList<DataRecord> Read(string path, DataOptions? options = null) => Read(path, options ?? DataOptions.Default, labelled: false);

    /// <summary>The same for classification: every record has a label.</summary>
    /// <exception cref="InputException">Also: no label column, or a row without label.</exception>
    public static IReadOnlyList<DataRecord> ReadLabelled(string path, DataOptions? options = null) => Read(path, options ?? DataOptions.Default, labelled: true);

    private static List<DataRecord> Read(string path, DataOptions options, bool labelled)
    {
        string text = options.Encoding == DataEncoding.Latin1 ? TextFile.ReadLatin1(path) : TextFile.ReadUtf8(path);
        DataFormat format = options.Format == DataFormat.Auto ? FormatOf(path) : options.Format;
        IEnumerable<DataRecord> read = format switch
        {
            DataFormat.Tsv => Table(path, TableText.ReadTsv(path, text, options.Quoted), options, labelled),
            DataFormat.Csv => Table(path, options.Quoted == false ? TableText.ReadPlain(text, ',') : TableText.ReadQuoted(path, text, ','), options, labelled),
            DataFormat.Jsonl => JsonLines.Read(path, text, options, labelled),
            DataFormat.LabelFirst => LabelFirst(path, text),
            _ => Documents(text, options.Documents),
        };
        List<DataRecord> records = [.. read];
        if (records.Count == 0)
            throw InputException.InFile(path, "holds no data");
        if (labelled && records.FirstOrDefault(record => string.IsNullOrWhiteSpace(record.Label)) is { } bare)
        {
            throw format == DataFormat.Text
                ? InputException.InFile(path, "plain text has no labels; name another format if it is a table")
                : At(path, bare.Line, "no label");
        }
        return records;
    }

    internal static InputException At(string path, int line, string what) => InputException.InFile($"{path}:{line}", what);

    private static DataFormat FormatOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".tsv" => DataFormat.Tsv,
        ".csv" => DataFormat.Csv,
        ".jsonl" or ".ndjson" => DataFormat.Jsonl,
        ".all" => DataFormat.LabelFirst,
        _ => DataFormat.Text,
    };

    private static IEnumerable<DataRecord> Table(string path, List<TableRow> rows, DataOptions options, bool labelled)
    {
        if (rows.Count == 0)
            yield break;
        int width = rows[0].Fields.Length;
        foreach (TableRow row in rows)
        {
            if (row.Fields.Length != width)
                throw At(path, row.Line, $"{row.Fields.Length} columns, the first row has {width}");
        }
        bool header = options.Header ?? DataColumns.IsHeader(rows[0].Fields, options);
        DataColumns columns = header ? DataColumns.Named(path, rows[0].Fields, options, labelled) : DataColumns.Unnamed(path, rows, options, labelled);
        foreach (TableRow row in header ? rows.Skip(1) : rows)
            yield return new DataRecord(row.Fields[columns.Text], Field(row, columns.Pair), Field(row, columns.Label)?.Trim(), Field(row, columns.Domain)?.Trim(), row.Line);
    }

    private static string? Field(TableRow row, int? column) => column is int index ? row.Fields[index] : null;

    private static IEnumerable<DataRecord> LabelFirst(string path, string text)
    {
        foreach ((string line, int number) in Lines(text))
        {
            int blank = line.IndexOfAny([' ', '\t']);
            if (blank <= 0)
                throw At(path, number, blank == 0 ? "no label before the first blank" : "a label alone, expected label, blank, text");
            yield return new DataRecord(line[(blank + 1)..].Trim(), null, line[..blank], null, number);
        }
    }

    private static IEnumerable<DataRecord> Documents(string text, DocumentCut cut)
    {
        if (cut == DocumentCut.WholeFile)
        {
            if (!string.IsNullOrWhiteSpace(text))
                yield return new DataRecord(text, null, null, null, 1);
            yield break;
        }
        int previous = int.MinValue, start = 0;
        var lines = new List<string>();
        foreach ((string line, int number) in Lines(text))
        {
            if (lines.Count > 0 && (cut == DocumentCut.Lines || number != previous + 1))
            {
                yield return new DataRecord(string.Join('\n', lines), null, null, null, start);
                lines.Clear();
            }
            start = lines.Count == 0 ? number : start;
            previous = number;
            lines.Add(line);
        }
        if (lines.Count > 0)
            yield return new DataRecord(string.Join('\n', lines), null, null, null, start);
    }

    /// <summary>Lines that are not blank, with their numbers from 1.</summary>
    internal static IEnumerable<(string Line, int Number)> Lines(string text)
    {
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                yield return (line.TrimEnd('\r'), number);
        }
    }
}
