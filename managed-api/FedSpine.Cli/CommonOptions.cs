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
        "what the inputs of matrix products are rounded to on a CUDA device of compute capability 8.0 or later, for its tensor cores: results then differ from the host's in the third (bf16) or fourth digit; sums, weights and everything kept stay as they are (default: what a resumed run was begun with, else float32, not rounded)",
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
        if (Products(parsed) is { Blas: true, Precision: not MatMulPrecision.Float32 and var precision })
            throw new InputException($"cuBLAS computes float32 products: give --blas or --matmul {precision.Label()}, not both");
        var products = Products(parsed) ?? IlgpuOptions.Default;
        if (parsed.GetValue(Device) is not { } device || device == Host)
        {
            if (products != IlgpuOptions.Default) // else nobody need look for devices yet
                new DeviceChoice(parsed.GetValue(Device) ?? FindDefault() ?? Host, products).RequireProducts();
            return;
        }

        if (!DeviceName().IsMatch(device))
            throw new InputException($"--device {device}: expected {Device.HelpName}");
        new DeviceChoice(device, products).RequireProducts();
        Try($"--device {device}", () => IlgpuDevices.Require(device));
    }

    /// <summary>
    /// Where to compute and how (<see cref="DeviceChoice"/>, as text): --device, --matmul and --blas; else as the run that goes on or is repeated was
    /// begun; else on the best of this machine. Says so when that is an accelerator which --device does not name.
    /// </summary>
    /// <param name="recorded">In the run's configuration; null: none is, or there is no run.</param>
    /// <exception cref="InputException">Products that the device cannot have.</exception>
    public string Choose(ParseResult parsed, string? recorded = null)
    {
        var choice = DeviceChoice.Of(parsed.GetValue(Device), Products(parsed), recorded is null ? null : DeviceChoice.Parse(recorded), () => FindDefault() ?? Host);
        choice.RequireProducts();
        string device = choice.ToString();
        if (recorded is not null && recorded != device)
            Tell($"this run was begun on {recorded} and goes on or is repeated on {device}: the figures agree to a few digits, not bit for bit");
        else if (parsed.GetValue(Device) is null && device != Host)
            Tell($"computing on {device}{(recorded is null ? "" : ", as the run's configuration says")} (--device host: on the processor)");
        return device;
    }

    /// <summary>The backend that <see cref="Choose"/> finds.</summary>
    /// <exception cref="InputException">It cannot be used.</exception>
    public IComputeBackend OpenDevice(ParseResult parsed) => Open(parsed, Choose(parsed));

    /// <summary>The backend of a choice, with --threads on the host.</summary>
    /// <exception cref="InputException">There is no such device here, or it cannot be used.</exception>
    public IComputeBackend Open(ParseResult parsed, string device) => OpenAccelerator(device) ?? HostBackend.Create(ThreadCount(parsed));

    /// <summary>The accelerator of a choice; null for the host.</summary>
    /// <exception cref="InputException">There is no such device here, or it cannot be used.</exception>
    public static IComputeBackend? OpenAccelerator(string device)
    {
        var choice = DeviceChoice.Parse(device);
        choice.RequireProducts();
        return choice.Id == Host ? null : Try($"--device {choice.Id}", () => IlgpuDevices.Open(choice.Id, choice.Products));
    }

    /// <summary>How an accelerator computes matrix products; null: nothing was said.</summary>
    private IlgpuOptions? Products(ParseResult parsed) => parsed.GetValue(MatMul) is null && !parsed.GetValue(Blas) ? null
        : new() { Precision = parsed.GetValue(MatMul) ?? MatMulPrecision.Float32, Blas = parsed.GetValue(Blas) };

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
