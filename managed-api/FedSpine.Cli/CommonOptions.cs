using System.CommandLine;
using FedSpine.Engine;

namespace FedSpine.Cli;

/// <summary>What every verb takes. One set of instances a verb: System.CommandLine ties an option to its command.</summary>
internal sealed class CommonOptions
{
    public const string Group = "Common options";

    private const int MostThreads = 1024;

    public Option<string?> Device { get; } = OptionKinds.Text("--device", "host", "where to compute; this build has host, the processor");

    public Option<int?> Threads { get; } = OptionKinds.Integer("--threads", "N", "worker threads; results do not depend on it (default: one per core)");

    public Option<bool> Json { get; } = OptionKinds.Flag("--json", "print the result as one JSON object, and nothing else, on standard output");

    public Option<bool> Verbose { get; } = OptionKinds.Flag("--verbose", "print the stack trace of a failure");

    public IEnumerable<Option> All => [Device, Threads, Json, Verbose];

    /// <exception cref="InputException">A device that does not exist, or an impossible number of threads.</exception>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(Device) is { } device && device != "host")
            throw new InputException($"--device {device}: there is no such device in this build; there is host");
        if (parsed.GetValue(Threads) is { } threads && threads is < 1 or > MostThreads)
            throw new InputException($"--threads {parsed.GetValue(Threads)}: expected 1 to {MostThreads}");
    }

    /// <summary>0: one per core.</summary>
    public int ThreadCount(ParseResult parsed) => parsed.GetValue(Threads) ?? 0;
}
