namespace FedSpine.Federated.Reporting;

/// <summary>Names inside a run folder.</summary>
public sealed class RunFolder(string path)
{
    public string Path { get; } = path;

    public string Summary => System.IO.Path.Combine(Path, "summary.json");

    public string Rounds => System.IO.Path.Combine(Path, "rounds.jsonl");

    public string Devices => System.IO.Path.Combine(Path, "devices.jsonl");

    public string Config => System.IO.Path.Combine(Path, "config.json");

    public string Report => System.IO.Path.Combine(Path, "report.html");

    public string Models => System.IO.Path.Combine(Path, "models");

    public string Checkpoint => System.IO.Path.Combine(Path, "checkpoint");
}
