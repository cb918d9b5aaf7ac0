using System.Text.Json;
using FedSpine.Bench.Measuring;
using FedSpine.Engine;

namespace FedSpine.Bench.Gating;

/// <summary>A run of the gate on disk: a baseline, or a result to compare.</summary>
internal sealed record GateFile(Machine Machine, IReadOnlyList<GateMeasurement> Cases)
{
    /// <exception cref="InputException">The file is absent or not a run of the gate.</exception>
    public static GateFile Read(string path)
    {
        if (!File.Exists(path))
            throw InputException.InFile(path, "no such file");
        try
        {
            var file = JsonSerializer.Deserialize<GateFile>(File.ReadAllText(path), BenchJson.Options);
            return file is { Machine: not null, Cases: not null } && file.Cases.All(c => c is { Name: not null, Reference: not null, Ratios.Length: > 0 })
                ? file : throw InputException.InFile(path, "is not a run of the gate: machine and cases with ratios are expected");
        }
        catch (JsonException e)
        {
            throw InputException.InFile(path, $"is not a run of the gate: {e.Message}", e);
        }
    }

    /// <summary>One line a case, so that a changed baseline reads well in a diff.</summary>
    public void Write(string path)
    {
        var lines = new JsonSerializerOptions(BenchJson.Options) { WriteIndented = false };
        string cases = string.Join(",\n    ", Cases.Select(c => JsonSerializer.Serialize(c, lines)));
        string text = $"{{\n  \"machine\": {JsonSerializer.Serialize(Machine, lines)},\n  \"cases\": [\n    {cases}\n  ]\n}}\n";
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>bench/baselines of the source tree that the working folder, or this program, lies in; null outside one.</summary>
    public static string? BaselineFolder() => new[] { Environment.CurrentDirectory, AppContext.BaseDirectory }.SelectMany(Above)
        .Select(folder => Path.Combine(folder, "bench", "baselines")).FirstOrDefault(Directory.Exists);

    /// <summary>"amd-epyc-2-cores-vector512.json".</summary>
    public static string NameFor(Machine machine)
    {
        string letters = string.Concat(machine.Summary.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : ' '));
        return string.Join('-', letters.Split(' ', StringSplitOptions.RemoveEmptyEntries)) + ".json";
    }

    private static IEnumerable<string> Above(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
            yield return at.FullName;
    }
}
