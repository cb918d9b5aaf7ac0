using System.Runtime.InteropServices;
using FedSpine.Kernels.Host;

namespace FedSpine.Bench.Measuring;

/// <summary>What a figure was measured on. Two machines are the same where processor, cores and vector width are.</summary>
/// <param name="Processor">As the system names it, e.g. "AMD EPYC 9R14".</param>
/// <param name="Cores">Logical, that this process may use.</param>
/// <param name="Simd">Vector width of the host backend.</param>
/// <param name="CacheKiB">Level 1 data, 2 and 3 of the first core, in KiB; empty where the system does not say.</param>
internal sealed record Machine(string Processor, int Cores, string Simd, int[] CacheKiB, double MemoryGiB, string System, string Runtime, string? OpenBlas)
{
    public static Machine Describe(OpenBlas? blas) => new(ReadProcessor(), Environment.ProcessorCount, HostIsaSupport.Best.ToString(), ReadCaches(),
        Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30), 1), RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription, blas?.Description);

    public bool IsSame(Machine other) => (Processor, Cores, Simd) == (other.Processor, other.Cores, other.Simd);

    /// <summary>For people and file names: "AMD EPYC, 2 cores, Vector512".</summary>
    public string Summary => $"{Processor}, {Cores} cores, {Simd}";

    private static string ReadProcessor()
    {
        const string file = "/proc/cpuinfo";
        string? line = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':') + 1)..].Trim() ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? $"unknown {RuntimeInformation.ProcessArchitecture}";
    }

    private static int[] ReadCaches()
    {
        const string folder = "/sys/devices/system/cpu/cpu0/cache";
        if (!Directory.Exists(folder))
            return [];
        string Read(string cache, string name) => File.ReadAllText(Path.Combine(cache, name)).Trim();
        return [.. Directory.EnumerateDirectories(folder, "index*").Where(c => Read(c, "type") != "Instruction")
            .OrderBy(c => Read(c, "level")).Select(c => int.Parse(Read(c, "size").TrimEnd('K')))];
    }
}
