using System.CommandLine;
using System.Text.RegularExpressions;
using FedSpine.Engine;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;

namespace FedSpine.Cli;

/// <summary>What every verb takes. One set of instances a verb: System.CommandLine ties an option to its command.</summary>
internal sealed partial class CommonOptions
{
    public const string Group = "Common options";

    private const int MostThreads = 1024;

    private const string Host = "host";

    public Option<string?> Device { get; } = OptionKinds.Text("--device", "host|cuda[:i]|opencl[:i]|ilgpu-cpu", "where to compute (default: host, the processor); fedspine devices lists what is there");

    public Option<MatMulPrecision?> MatMul { get; } = OptionKinds.Choice("--matmul",
        "what the inputs of matrix products are rounded to on a CUDA device of compute capability 8.0 or later, for its tensor cores: results then differ from the host's in the third (bf16) or fourth digit; sums, weights and everything kept stay as they are (default: float32, not rounded)",
        [.. Enum.GetValues<MatMulPrecision>().Select(p => (p.Label(), p))]);

    public Option<bool> Blas { get; } = OptionKinds.Flag("--blas", "float32 products through cuBLAS on a CUDA device; its library, version 10 to 12, must be installed");

    public Option<int?> Threads { get; } = OptionKinds.Integer("--threads", "N", "worker threads; results do not depend on it (default: one per core)");

    public Option<bool> Json { get; } = OptionKinds.Flag("--json", "print the result as one JSON object, and nothing else, on standard output");

    public Option<bool> Verbose { get; } = OptionKinds.Flag("--verbose", "print the stack trace of a failure");

    public IEnumerable<Option> All => [Device, MatMul, Blas, Threads, Json, Verbose];

    /// <exception cref="InputException">A device that cannot be, products that it cannot have, or an impossible number of threads.</exception>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(Device) is { } device && !DeviceName().IsMatch(device))
            throw new InputException($"--device {device}: expected {Device.HelpName}");
        if (Products(parsed) is var products && products != IlgpuOptions.Default && !(parsed.GetValue(Device) ?? Host).StartsWith("cuda", StringComparison.Ordinal))
            throw new InputException($"{(products.Blas ? "--blas" : $"--matmul {products.Precision.Label()}")} needs --device cuda, not {parsed.GetValue(Device) ?? Host}");
        if (parsed.GetValue(Threads) is { } threads && threads is < 1 or > MostThreads)
            throw new InputException($"--threads {parsed.GetValue(Threads)}: expected 1 to {MostThreads}");
    }

    /// <summary>The backend that --device and --threads ask for.</summary>
    /// <exception cref="InputException">There is no such device here, or it cannot be used.</exception>
    public IComputeBackend OpenDevice(ParseResult parsed) => OpenAccelerator(parsed) ?? HostBackend.Create(ThreadCount(parsed));

    /// <summary>The accelerator that --device asks for; null for the host.</summary>
    /// <exception cref="InputException">There is no such device here, or it cannot be used.</exception>
    public IComputeBackend? OpenAccelerator(ParseResult parsed)
    {
        if (parsed.GetValue(Device) is not { } device || device == Host)
            return null;
        try
        {
            return IlgpuDevices.Open(device, Products(parsed));
        }
        catch (ArgumentException absent)
        {
            throw new InputException($"--device {device}: {absent.Message}");
        }
    }

    /// <summary>How an accelerator computes matrix products.</summary>
    private IlgpuOptions Products(ParseResult parsed) => new() { Precision = parsed.GetValue(MatMul) ?? MatMulPrecision.Float32, Blas = parsed.GetValue(Blas) };

    /// <summary>0: one per core.</summary>
    public int ThreadCount(ParseResult parsed) => parsed.GetValue(Threads) ?? 0;

    [GeneratedRegex(@"^(host|ilgpu-cpu|(cuda|opencl)(:\d{1,3})?)$")]
    private static partial Regex DeviceName();
}
