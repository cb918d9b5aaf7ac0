using System.Globalization;

namespace FedSpine.Engine.Text;

/// <summary>Class names and their ids.</summary>
public sealed class LabelMap
{
    private readonly Dictionary<string, int> _ids;

    private LabelMap(IReadOnlyList<string> names)
    {
        Names = names;
        _ids = names.Select((name, id) => (name, id)).ToDictionary(pair => pair.name, pair => pair.id);
    }

    /// <summary>Class names in id order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The distinct labels of labelled records: numbers in numeric order, then other names in ordinal order.</summary>
    /// <exception cref="InputException">There is only one label.</exception>
    public static LabelMap Of(string path, IEnumerable<DataRecord> records)
    {
        string[] names = [.. records.Select(record => record.Label!).Distinct()
            .OrderBy(name => long.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? (0, number) : (1, 0))
            .ThenBy(name => name, StringComparer.Ordinal)];
        return names.Length > 1 ? new LabelMap(names) : throw InputException.InFile(path, $"every row has the label {TokenTable.Quoted(names[0])}; classification needs two");
    }

    /// <summary>A model's own classes.</summary>
    /// <exception cref="InputException">A name occurs twice, or there are fewer than two.</exception>
    public static LabelMap FromNames(IReadOnlyList<string> names)
    {
        if (names.Count < 2 || names.Distinct().Count() != names.Count)
            throw new InputException($"classes must be two or more different names, got: {string.Join(", ", names)}");
        return new LabelMap([.. names]);
    }

    /// <summary>The record's class: its label's name, or a number that is an id where no class has a number for a name.</summary>
    /// <exception cref="InputException">"FILE:LINE: label "x" is none of ...".</exception>
    public int IdOf(string path, DataRecord record)
    {
        string label = record.Label ?? throw DataFile.At(path, record.Line, "no label");
        if (_ids.TryGetValue(label, out int id))
            return id;
        if (int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id < Names.Count && !Names.Any(name => int.TryParse(name, out _)))
            return id;
        throw DataFile.At(path, record.Line, $"label {TokenTable.Quoted(label)} is none of {string.Join(", ", Names)}");
    }
}
