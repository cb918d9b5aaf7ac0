using System.Text;
using System.Text.Json;

namespace FedSpine.Engine.Formats;

/// <summary>
/// Typed access to the fields of a JSON object in a file, where every failure names file and field. A field that is null counts
/// as absent, as Hugging Face writes it.
/// </summary>
internal sealed class JsonFields
{
    private const int MaxFileBytes = 64 << 20;

    private readonly string _file;
    private readonly string _prefix;
    private readonly JsonElement _object;

    private JsonFields(string file, string prefix, JsonElement element)
    {
        _file = file;
        _prefix = prefix;
        _object = element.ValueKind == JsonValueKind.Object ? element : throw InputException.InFile(file, $"{(prefix.Length == 0 ? "the file" : prefix.TrimEnd('.'))} is not a JSON object");
    }

    /// <exception cref="InputException">The file is missing, unreadable, or not a JSON object.</exception>
    public static JsonFields Read(string file)
    {
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > MaxFileBytes } info)
                throw InputException.InFile(file, $"{info.Length} bytes, the limit is {MaxFileBytes}");
            return Parse(file, File.ReadAllBytes(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw InputException.InFile(file, e is FileNotFoundException or DirectoryNotFoundException ? "no such file" : "cannot be read", e);
        }
    }

    /// <param name="file">Where the bytes are from, for messages.</param>
    /// <exception cref="InputException">Not a JSON object.</exception>
    public static JsonFields Parse(string file, ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Span.StartsWith(Encoding.UTF8.Preamble))
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            DecodeStrings(document.RootElement);
            return new JsonFields(file, "", document.RootElement.Clone());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw InputException.InFile(file, $"not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>"PATH: FIELD what".</summary>
    public InputException Error(string field, string what) => InputException.InFile(_file, $"{_prefix}{field} {what}");

    /// <summary>The file itself is at fault.</summary>
    public InputException Error(string what) => InputException.InFile(_file, what);

    public JsonElement Root => _object;

    public IEnumerable<string> Names => _object.EnumerateObject().Select(p => p.Name);

    public bool Has(string field) => TryGet(field, out _);

    public bool TryGet(string field, out JsonElement value) => _object.TryGetProperty(field, out value) && value.ValueKind != JsonValueKind.Null;

    public JsonElement Require(string field) => TryGet(field, out var value) ? value : throw Error(field, "is missing");

    public int Int(string field, int min, int max) => Int(Require(field), field, min, max);

    public int Int(string field, int min, int max, int fallback) => TryGet(field, out var value) ? Int(value, field, min, max) : fallback;

    public float Float(string field, float min, float max, float fallback) => TryGet(field, out var value) ? Float(value, field, min, max) : fallback;

    public bool Bool(string field, bool fallback)
    {
        if (!TryGet(field, out var value))
            return fallback;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Error(field, $"is {Short(value)}, expected true or false");
    }

    public string? String(string field)
    {
        if (!TryGet(field, out var value))
            return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Error(field, $"is {Short(value)}, expected a string");
    }

    /// <summary>null when absent.</summary>
    public JsonFields? Object(string field) => TryGet(field, out var value) ? new JsonFields(_file, $"{_prefix}{field}.", value) : null;

    public IReadOnlyList<JsonFields> Objects(string field)
    {
        var items = Array(field);
        return [.. items.Select((item, i) => new JsonFields(_file, $"{_prefix}{field}[{i}].", item))];
    }

    public int[] Ints(string field, int min, int max) => [.. Array(field).Select((item, i) => Int(item, $"{field}[{i}]", min, max))];

    public string[] Strings(string field) =>
        [.. Array(field).Select((item, i) => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Error($"{field}[{i}]", $"is {Short(item)}, expected a string"))];

    public int Int(JsonElement value, string field, int min, int max)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out int number) || number < min || number > max)
            throw Error(field, $"is {Short(value)}, expected an integer in [{min}, {max}]");
        return number;
    }

    public float Float(JsonElement value, string field, float min, float max)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetSingle(out float number) || !(number >= min && number <= max))
            throw Error(field, $"is {Short(value)}, expected a number in [{min}, {max}]");
        return number;
    }

    /// <summary>The value for an error message, on one line and not too long.</summary>
    public static string Short(JsonElement value)
    {
        string text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 40 ? text : text[..40] + "...";
    }

    /// <summary>
    /// JsonDocument decodes strings when they are asked for; asking for all of them here means that bytes that are not UTF-8 and
    /// halves of surrogate pairs (both InvalidOperationException) are found in one place.
    /// </summary>
    private static void DecodeStrings(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    DecodeStrings(item);
                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    DecodeStrings(property.Value);
                }

                break;
        }
    }

    private IReadOnlyList<JsonElement> Array(string field)
    {
        var value = Require(field);
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Error(field, $"is {Short(value)}, expected an array");
    }
}
