using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>What one kernel needs on one architecture, as NVIDIA's assembler says: a thread's registers, bytes of its stack and of registers spilled there, a group's shared memory.</summary>
internal sealed record KernelResources(int Registers, int StackBytes, int SpillBytes, int SharedBytes);

/// <summary>NVIDIA's assembler for PTX, which needs neither a GPU nor a driver: <c>ptxas</c> on the path (Debian: nvidia-cuda-toolkit, in non-free).</summary>
internal static partial class Ptxas
{
    /// <summary>Its full path; null where it is absent.</summary>
    public static string? Path { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator)
        .Select(folder => System.IO.Path.Combine(folder, OperatingSystem.IsWindows() ? "ptxas.exe" : "ptxas")).FirstOrDefault(File.Exists);

    /// <summary>Assembles a module with one kernel.</summary>
    /// <exception cref="InvalidOperationException">The assembler refuses it: the message is its own.</exception>
    public static KernelResources Assemble(string text, string architecture)
    {
        string folder = Directory.CreateTempSubdirectory("fedspine-ptx").FullName;
        try
        {
            string source = System.IO.Path.Combine(folder, "kernel.ptx");
            File.WriteAllText(source, text);
            var start = new ProcessStartInfo(Path!, ["-v", $"-arch={architecture}", "-o", System.IO.Path.Combine(folder, "kernel.cubin"), source]) { RedirectStandardError = true, RedirectStandardOutput = true };
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            string said = process.StandardError.ReadToEnd() + output.Result;
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new InvalidOperationException(said);
            return new KernelResources(Number(Registers(), said), Number(Stack(), said), Number(Spills(), said), Number(Shared(), said));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>0 where it says nothing.</summary>
    private static int Number(Regex pattern, string said) => pattern.Match(said) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Registers();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex Stack();

    [GeneratedRegex(@"(\d+) bytes spill stores")]
    private static partial Regex Spills();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();
}
