using System.Globalization;

namespace FedSpine.Engine.Text;

/// <summary>Which column holds what.</summary>
internal sealed record DataColumns(int Text, int? Pair, int? Label, int? Domain)
{
    /// <summary>The usual names of a text column with those of the second text beside it (GLUE, MSR paraphrase, instruction sets).</summary>
    public static readonly (string Text, string? Pair)[] TextNames =
    [
        ("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("#1 String", "#2 String"), ("question", "sentence"),
        ("sentence", null), ("text", null), ("question", "answer"), ("prompt", "answer"), ("prompt", "response"), ("prompt", "completion"),
        ("instruction", "output"), ("content", null), ("review", null),
    ];

    public static readonly string[] LabelNames = ["label", "labels", "Quality", "class", "category", "sentiment", "target"];

    public const string DomainName = "domain";

    /// <summary>Whether a table's first row names columns.</summary>
    public static bool IsHeader(string[] firstRow, DataOptions options)
    {
        IEnumerable<string?> given = [options.TextColumn, options.PairColumn, options.LabelColumn, options.DomainColumn];
        IEnumerable<string> usual = TextNames.SelectMany(names => new[] { names.Text, names.Pair ?? names.Text }).Concat(LabelNames);
        return given.Any(name => name is not null && !IsIndex(name) && Find(firstRow, name) is not null)
            || usual.Any(name => Find(firstRow, name) is not null);
    }

    /// <summary>Columns of a table or JSON object whose names are known.</summary>
    /// <exception cref="InputException">A given column is missing, or the text (or a needed label) cannot be told.</exception>
    public static DataColumns Named(string path, string[] names, DataOptions options, bool labelled)
    {
        int? text = Given(path, names, options.TextColumn), pair = Given(path, names, options.PairColumn);
        foreach ((string textName, string? pairName) in options.TextColumn is null ? TextNames : [])
        {
            int? usualPair = pairName is null ? null : Find(names, pairName);
            if (Find(names, textName) is not int usual || (pairName is not null && usualPair is null))
                continue;
            text = usual;
            pair ??= usualPair;
            break;
        }
        text ??= options.TextColumn is null ? Find(names, TextNames.Select(usual => usual.Text)) : null;
        text ??= names.Length == 1 ? 0 : throw InputException.InFile(path, $"which column holds the text? {Columns(names)}");
        int? label = Given(path, names, options.LabelColumn) ?? Find(names, LabelNames);
        if (labelled && (label is null || label == text))
            throw InputException.InFile(path, $"which column holds the label? {Columns(names)}");
        return new DataColumns(text.Value, pair, label == text ? null : label, Given(path, names, options.DomainColumn) ?? Find(names, DomainName));
    }

    /// <summary>Columns of a table without header: text, then label; or CoLA's source, label, mark, sentence.</summary>
    public static DataColumns Unnamed(string path, List<TableRow> rows, DataOptions options, bool labelled)
    {
        string[] indices = [.. Enumerable.Range(0, rows[0].Fields.Length).Select(index => index.ToString(CultureInfo.InvariantCulture))];
        bool cola = indices.Length == 4 && rows.All(row => row.Fields[1] is "0" or "1" && row.Fields[2].All(mark => mark is '*' or '?' or ' '));
        int? text = Given(path, indices, options.TextColumn) ?? (cola ? 3 : indices.Length <= 2 ? 0 : null);
        int? label = Given(path, indices, options.LabelColumn) ?? (cola ? 1 : indices.Length == 2 ? 1 - text : null);
        if (text is null || (labelled && (label is null || label == text)))
            throw InputException.InFile(path, $"which column holds the {(text is null ? "text" : "label")}? {indices.Length} columns without names; give an index from 0");
        return new DataColumns(text.Value, Given(path, indices, options.PairColumn), label, Given(path, indices, options.DomainColumn));
    }

    private static int? Given(string path, string[] names, string? wanted)
    {
        if (wanted is null)
            return null;
        if (Find(names, wanted) is int index)
            return index;
        if (IsIndex(wanted) && int.Parse(wanted, CultureInfo.InvariantCulture) < names.Length)
            return int.Parse(wanted, CultureInfo.InvariantCulture);
        throw InputException.InFile(path, $"no column {TokenTable.Quoted(wanted)}; {Columns(names)}");
    }

    private static int? Find(string[] names, IEnumerable<string> wanted) => wanted.Select(name => Find(names, name)).FirstOrDefault(index => index is not null);

    private static int? Find(string[] names, string wanted)
    {
        int exact = Array.FindIndex(names, name => name.Trim() == wanted);
        int index = exact >= 0 ? exact : Array.FindIndex(names, name => name.Trim().Equals(wanted, StringComparison.OrdinalIgnoreCase));
        return index >= 0 ? index : null;
    }

    private static bool IsIndex(string name) => name.Length is > 0 and <= 6 && name.All(char.IsAsciiDigit);

    private static string Columns(string[] names)
    {
        string all = string.Join(", ", names.Select(name => name.ReplaceLineEndings(" ").Trim()));
        return $"columns are {(all.Length <= 200 ? all : all[..200] + "...")}";
    }
}
