using System.Diagnostics;
using System.Text.Json;
using FedSpine.Engine;

namespace FedSpine.Bench.Measuring;

/// <summary>A part of a measurement in a process of its own, so that its peak of memory is its own.</summary>
internal static class ChildProcess
{
    /// <summary>Runs this program with other arguments; what it prints on standard output is one JSON value.</summary>
    /// <exception cref="FedSpineException">The child failed; its standard error has been shown.</exception>
    public static T Run<T>(params IEnumerable<string> arguments)
    {
        string program = Environment.ProcessPath ?? throw new FedSpineException("the path of this program is not known");
        bool hosted = Path.GetFileNameWithoutExtension(program) == "dotnet"; // started as "dotnet FedSpine.Bench.dll"
        string[] all = hosted ? [typeof(ChildProcess).Assembly.Location, .. arguments] : [.. arguments];
        using var child = Process.Start(new ProcessStartInfo(program, all) { RedirectStandardOutput = true })!;
        string text = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        if (child.ExitCode != 0)
            throw new FedSpineException($"{string.Join(' ', arguments)}: the child process ended with {child.ExitCode}");
        return JsonSerializer.Deserialize<T>(text, BenchJson.Options)!;
    }

    /// <summary>The most memory of this process that was resident at one time.</summary>
    public static long PeakResidentBytes()
    {
        const string file = "/proc/self/status";
        string? line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)) : null;
        return line is null ? Process.GetCurrentProcess().PeakWorkingSet64 : 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }
}
