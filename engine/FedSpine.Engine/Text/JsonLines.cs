using System.Text.Json;

namespace FedSpine.Engine.Text;

/// <summary>One JSON object a line; columns are its properties.</summary>
internal static class JsonLines
{
    /// <exception cref="InputException">A line is not a JSON object, or lacks the text.</exception>
    public static IEnumerable<DataRecord> Read(string path, string text, DataOptions options, bool labelled)
    {
        string[]? names = null;
        DataColumns? columns = null;
        foreach ((string line, int number) in DataFile.Lines(text))
        {
            Dictionary<string, string?> fields = Parse(path, line, number);
            names ??= [.. fields.Keys];
            columns ??= DataColumns.Named(path, names, options, labelled);
            string? Field(int? column) => column is int index ? fields.GetValueOrDefault(names[index]) : null;
            string content = Field(columns.Text) ?? throw DataFile.At(path, number, $"no {TokenTable.Quoted(names[columns.Text])}; {fields.Count} fields: {string.Join(", ", fields.Keys)}");
            yield return new DataRecord(content, Field(columns.Pair), Field(columns.Label)?.Trim(), Field(columns.Domain)?.Trim(), number);
        }
    }

    /// <summary>Strings as they are, numbers and booleans as written, null for null; nested values cannot be columns.</summary>
    private static Dictionary<string, string?> Parse(string path, string line, int number)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw DataFile.At(path, number, $"a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}, expected an object");
            var fields = new Dictionary<string, string?>();
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
                    fields.Add(property.Name, property.Value.ValueKind switch
                    {
                        JsonValueKind.String => property.Value.GetString(),
                        JsonValueKind.Null => null,
                        _ => property.Value.GetRawText(),
                    });
            }
            return fields;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: half of a surrogate pair
        {
            throw DataFile.At(path, number, $"not valid JSON: {e.Message.ReplaceLineEndings(" ")}");
        }
    }
}
