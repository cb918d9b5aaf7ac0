using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using FedSpine.Engine;

namespace FedSpine.Federated.Reporting;

/// <summary>Reads a run folder's records back. All methods throw <see cref="InputException"/> that names the file and line.</summary>
public static class RunFolderReader
{
    /// <summary>Null while the run is unfinished.</summary>
    public static RunSummary? ReadSummary(RunFolder folder) =>
        File.Exists(folder.Summary) ? Parse(folder.Summary, 1, File.ReadAllText(folder.Summary), RunJson.Default.RunSummary) : null;

    /// <summary>Complete rounds in order; a torn last line (the process died while writing it) is not one.</summary>
    public static IReadOnlyList<RoundRecord> ReadRounds(RunFolder folder) => ReadLines(folder.Rounds, RunJson.Default.RoundRecord);

    public static IReadOnlyList<DeviceRecord> ReadDevices(RunFolder folder) => ReadLines(folder.Devices, RunJson.Default.DeviceRecord);

    private static List<T> ReadLines<T>(string path, JsonTypeInfo<T> type)
    {
        var records = new List<T>();
        if (!File.Exists(path))
            return records;
        string text = File.ReadAllText(path, Encoding.UTF8);
        int start = 0;
        for (int end; (end = text.IndexOf('\n', start)) >= 0; start = end + 1)
            records.Add(Parse(path, records.Count + 1, text[start..end], type));
        return records;
    }

    private static T Parse<T>(string path, int line, string json, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw InputException.InFile(path, $"line {line}: expected a JSON object, found null");
        }
        catch (JsonException e)
        {
            throw InputException.InFile(path, $"line {line}: {e.Message}", e);
        }
    }
}
