using System.Text.Json;

namespace FedSpine.Engine.Formats;

/// <summary>
/// labels.json beside a classification adapter: the class names in id order, {"labels": ["negative", "positive"]}. PEFT's own files
/// have no place for them, and without them the trained classifier could not be read with the base model alone.
/// </summary>
public static class AdapterLabels
{
    public const string FileName = "labels.json";

    internal static void Write(Stream stream, IReadOnlyList<string> labels)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartArray("labels");
        foreach (string label in labels)
            json.WriteStringValue(label);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Null where the folder has no such file.</summary>
    /// <exception cref="InputException">The file is malformed.</exception>
    public static IReadOnlyList<string>? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        return File.Exists(path) ? JsonFields.Read(path).Strings("labels") : null;
    }
}
