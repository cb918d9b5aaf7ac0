using System.Diagnostics;
using System.Text.RegularExpressions;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>The tool as a process of its own, as people run it.</summary>
internal static partial class Tool
{
    /// <param name="folder">Its working folder.</param>
    /// <param name="arguments">One string, split at blanks as a shell does, but not within double quotes.</param>
    public static CliRun Run(string folder, string arguments, string input = "")
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "fedspine.dll"), .. Words().Matches(arguments).Select(m => m.Value.Trim('"'))])
        {
            WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["CUDA_VISIBLE_DEVICES"] = "-1"; // the same figures on every machine
        using var process = Process.Start(start)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CliRun(process.ExitCode, output, error.Result);
    }

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Words();
}
