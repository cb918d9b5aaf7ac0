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

    /// <summary>The processor, with our own SIMD kernels.</summary>
    public const string Host = "host";

    public Option<string?> Device { get; } = OptionKinds.Text("--device", "host|cuda[:i]|opencl[:i]|ilgpu-cpu", "where to compute (default: the first CUDA GPU, else the first OpenCL GPU, else host, the processor); fedspine devices lists what is there");

    public Option<MatMulPrecision?> MatMul { get; } = OptionKinds.Choice("--matmul",
        "what the inputs of matrix products are rounded to on a CUDA device of compute capability 8.0 or later, for its tensor cores: results then differ from the host's in the third (bf16) or fourth digit; sums, weights and everything kept stay as they are (default: float32, not rounded)",
        [.. Enum.GetValues<MatMulPrecision>().Select(p => (p.Label(), p))]);

    public Option<bool> Blas { get; } = OptionKinds.Flag("--blas", "float32 products through cuBLAS on a CUDA device; its library, version 10 to 12, must be installed");

    public Option<int?> Threads { get; } = OptionKinds.Integer("--threads", "N", "worker threads; results do not depend on it (default: one per core)");

    public Option<bool> Json { get; } = OptionKinds.Flag("--json", "print the result as one JSON object, and nothing else, on standard output");

    public Option<bool> Verbose { get; } = OptionKinds.Flag("--verbose", "print the stack trace of a failure");

    public IEnumerable<Option> All => [Device, MatMul, Blas, Threads, Json, Verbose];

    /// <summary>Finds the device to compute on when nobody says: its id; null for the host. Tests pass their own.</summary>
    public Func<string?> FindDefault { get; set; } = IlgpuDevices.Default;

    /// <summary>Where to say what the user should know and did not ask for; never standard output.</summary>
    public Action<string> Tell { get; set; } = _ => { };

    /// <exception cref="InputException">A device that is not here or cannot be used, products that it cannot have, or an impossible number of threads.</exception>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(Threads) is { } threads && threads is < 1 or > MostThreads)
            throw new InputException($"--threads {parsed.GetValue(Threads)}: expected 1 to {MostThreads}");
        if (parsed.GetValue(Device) is not { } device || device == Host)
        {
            if (Products(parsed) != IlgpuOptions.Default) // else nobody need look for devices yet
                RequireProducts(parsed, parsed.GetValue(Device) ?? FindDefault() ?? Host);
            return;
        }

        if (!DeviceName().IsMatch(device))
            throw new InputException($"--device {device}: expected {Device.HelpName}");
        RequireProducts(parsed, device);
        Try($"--device {device}", () => IlgpuDevices.Require(device));
    }

    /// <summary>
    /// The id of the device to compute on: --device; else where the run that goes on or is repeated was begun; else the best of this machine.
    /// Says so when that is an accelerator which --device does not name.
    /// </summary>
    /// <param name="recorded">In the run's configuration; null: none is, or there is no run.</param>
    public string Choose(ParseResult parsed, string? recorded = null)
    {
        string? given = parsed.GetValue(Device);
        if (given is not null)
        {
            string full = IlgpuDevices.FullId(given);
            if (recorded is not null && recorded != full)
                Tell($"this run was begun on {recorded} and goes on or is repeated on {full}: the figures agree to a few digits, not bit for bit");
            return full;
        }

        string device = recorded ?? FindDefault() ?? Host;
        if (device != Host)
            Tell($"computing on {device}{(recorded is null ? "" : ", as the run's configuration says")} (--device host: on the processor)");
        return device;
    }

    /// <summary>The backend on the device that <see cref="Choose"/> finds.</summary>
    /// <exception cref="InputException">It cannot be used.</exception>
    public IComputeBackend OpenDevice(ParseResult parsed) => Open(parsed, Choose(parsed));

    /// <summary>The backend on a device, with --threads on the host.</summary>
    /// <exception cref="InputException">There is no such device here, or it cannot be used.</exception>
    public IComputeBackend Open(ParseResult parsed, string device) => OpenAccelerator(parsed, device) ?? HostBackend.Create(ThreadCount(parsed));

    /// <summary>An accelerator by its id; null for the host.</summary>
    /// <exception cref="InputException">There is no such device here, or it cannot be used.</exception>
    public IComputeBackend? OpenAccelerator(ParseResult parsed, string device)
    {
        RequireProducts(parsed, device);
        return device == Host ? null : Try($"--device {device}", () => IlgpuDevices.Open(device, Products(parsed)));
    }

    /// <summary>How an accelerator computes matrix products.</summary>
    private IlgpuOptions Products(ParseResult parsed) => new() { Precision = parsed.GetValue(MatMul) ?? MatMulPrecision.Float32, Blas = parsed.GetValue(Blas) };

    /// <exception cref="InputException">--matmul or --blas where the device is not CUDA.</exception>
    private void RequireProducts(ParseResult parsed, string device)
    {
        if (Products(parsed) is var products && products != IlgpuOptions.Default && !device.StartsWith("cuda", StringComparison.Ordinal))
            throw new InputException($"{(products.Blas ? "--blas" : $"--matmul {products.Precision.Label()}")} needs --device cuda, not {device}");
    }

    /// <summary>0: one per core.</summary>
    public int ThreadCount(ParseResult parsed) => parsed.GetValue(Threads) ?? 0;

    private static T Try<T>(string option, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (ArgumentException absent)
        {
            throw new InputException($"{option}: {absent.Message}", absent);
        }
    }

    [GeneratedRegex(@"^(host|ilgpu-cpu|(cuda|opencl)(:\d{1,3})?)$")]
    private static partial Regex DeviceName();
}
