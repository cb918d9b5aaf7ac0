using System.CommandLine;
using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Cli;

/// <summary><c>fedspine devices</c>.</summary>
internal sealed class DevicesVerb(Terminal terminal) : IVerb
{
    public Command Command { get; } = new("devices",
        "Lists where this machine can compute: what to give as --device, the device's name, its memory, the weights it computes on, and why it cannot be used where it cannot.");

    public string Summary => "list where to compute";

    private readonly Option<bool> _measure = OptionKinds.Flag("--measure", "measure what each usable device reaches: a float32 product and a copy; a few seconds, most of them for compiling kernels");

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups => [("Output", [_measure]), (CommonOptions.Group, [.. Common.All])];

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine devices", "what there is"),
        ("fedspine devices --json", "the same for programs"),
        ("fedspine devices --measure", "and how fast it is"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        using var host = HostBackend.Create(Common.ThreadCount(parsed));
        List<IlgpuDevice> devices =
        [
            new("host", host.Name, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, null),
            .. IlgpuDevices.List(),
        ];
        bool json = parsed.GetValue(Common.Json);
        var list = new JsonArray();
        foreach (var device in devices)
        {
            cancel.ThrowIfCancellationRequested();
            MachinePeak? peak = parsed.GetValue(_measure) && device is { Problem: null, IsDebugger: false } ? Measure(device, host) : null;
            if (json)
                list.Add((JsonNode)ToJson(device, host, peak));
            else
                terminal.OutWriter.WriteLine(Line(device, host, peak));
        }

        if (json)
            terminal.OutWriter.WriteLine(new JsonObject { ["devices"] = list }.ToJsonString());
        return ExitCode.Done;
    }

    private static MachinePeak Measure(IlgpuDevice device, IComputeBackend host)
    {
        if (device.Id == "host")
            return MachinePeak.Measure(host);
        using var backend = IlgpuDevices.Open(device.Id);
        return MachinePeak.Measure(backend);
    }

    private static string Line(IlgpuDevice device, IComputeBackend host, MachinePeak? peak)
    {
        string memory = device.MemoryBytes > 0 ? $", {Units.Bytes(device.MemoryBytes)}" : "";
        string use = device.Problem is { } problem ? $"not usable: {problem}" : $"weights in {string.Join(", ", Weights(device, host))}{(device.IsDebugger ? "; a debugger for kernels, too slow for models" : "")}";
        string rates = peak is { } p ? $"; {Units.Significant(p.FlopsPerSecond / 1e9)} GFLOP/s, copies at {Units.Significant(p.BytesPerSecond / 1e9)} GB/s" : "";
        return $"{device.Id,-10} {device.Name}{memory}; {use}{Products(device)}{rates}";
    }

    /// <summary>What --matmul and --blas can be on a CUDA device.</summary>
    private static string Products(IlgpuDevice device) => device.ComputeCapability is not { } capability ? ""
        : $"; compute capability {capability}, {(device.HasTensorProducts ? "--matmul tf32 and bf16 on tensor cores" : "no --matmul but float32")}, {(device.BlasLibrary is { } library ? $"--blas through {library}" : "no cuBLAS library")}";

    private static JsonObject ToJson(IlgpuDevice device, IComputeBackend host, MachinePeak? peak) => new()
    {
        ["device"] = device.Id,
        ["name"] = device.Name,
        ["memoryBytes"] = device.MemoryBytes > 0 ? device.MemoryBytes : null,
        ["usable"] = device.Problem is null,
        ["problem"] = device.Problem,
        ["weights"] = new JsonArray([.. Weights(device, host).Select(w => (JsonNode)w)]),
        ["computeCapability"] = device.ComputeCapability,
        ["tensorProducts"] = device.HasTensorProducts,
        ["blasLibrary"] = device.BlasLibrary,
        ["flopsPerSecond"] = peak?.FlopsPerSecond,
        ["copyBytesPerSecond"] = peak?.BytesPerSecond,
    };

    /// <summary>The types that products take: every device's kernels read the same ones as the host's.</summary>
    private static IEnumerable<string> Weights(IlgpuDevice device, IComputeBackend host) => device.Problem is not null ? []
        : Enum.GetValues<WeightType>().Where(t => host.Supports(Operator.Linear, t)).Select(t => t.Label());
}
