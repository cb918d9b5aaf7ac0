using CsvHelper;

namespace FedSpine.Engine.Text;

/// <summary>A row of a table and the line it starts on, from 1.</summary>
internal readonly record struct TableRow(string[] Fields, int Line);

/// <summary>Cuts the text of a table into rows and fields.</summary>
internal static class TableText
{
    /// <summary>
    /// Tab-separated, quoted or not. Left open, it is quoted when a field starts with a quote and the whole text reads as RFC 4180
    /// with equally long rows; then a line break may stand inside a field.
    /// </summary>
    public static List<TableRow> ReadTsv(string path, string text, bool? quoted)
    {
        if (quoted == true)
            return ReadQuoted(path, text, '\t');
        List<TableRow> plain = ReadPlain(text, '\t');
        if (quoted == false || !plain.Any(row => row.Fields.Any(field => field.StartsWith('"'))))
            return plain;
        try
        {
            List<TableRow> rows = ReadQuoted(path, text, '\t', strict: true);
            return rows.All(row => row.Fields.Length == rows[0].Fields.Length) ? rows : plain;
        }
        catch (InputException)
        {
            return plain; // a quote that is only a quote
        }
    }

    /// <summary>One row a line, fields between separators, quotes taken as they are.</summary>
    public static List<TableRow> ReadPlain(string text, char separator) =>
        [.. DataFile.Lines(text).Select(line => new TableRow(line.Line.Split(separator), line.Number))];

    /// <summary>RFC 4180: a field in quotes may hold separators, line breaks and doubled quotes.</summary>
    /// <param name="strict">Also refuse a quote inside a field that is not quoted, which is otherwise only a quote.</param>
    /// <exception cref="InputException">A quote is never closed, or text follows a closing quote.</exception>
    public static List<TableRow> ReadQuoted(string path, string text, char separator, bool strict = false)
    {
        using CsvReader reader = CsvReader.FromText(text, new CsvReaderOptions
        {
            Separator = separator,
            HasHeader = false,
            TrackLineNumbers = true,
            OnMalformedRecord = record =>
            {
                if (record.Reason != CsvMalformedReason.StrayQuote || strict)
                    throw DataFile.At(path, (int)record.LineNumber, Wrong(record.Reason));
            },
        });
        var rows = new List<TableRow>();
        while (reader.Read())
        {
            if (!string.IsNullOrWhiteSpace(reader.Current.ToString()))
                rows.Add(new TableRow(reader.Current.ToArray(), (int)reader.LineNumber));
        }
        return rows;
    }

    private static string Wrong(CsvMalformedReason reason) => reason switch
    {
        CsvMalformedReason.UnterminatedQuote => "a quote opens in this row and is never closed",
        CsvMalformedReason.TextAfterClosingQuote => "text after the closing quote of a field",
        _ => "a quote inside a field that is not quoted",
    };
}
