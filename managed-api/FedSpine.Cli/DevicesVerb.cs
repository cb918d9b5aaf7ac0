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
    /// <summary>A device, and what it said or showed when it was asked.</summary>
    private sealed record Row(IlgpuDevice Device, bool IsDefault, IReadOnlyList<string> Weights, MachinePeak? Peak);

    public Command Command { get; } = new("devices",
        "Lists where this machine can compute: what to give as --device, the device's name, its memory, the types of weights it computes on, what it "
        + "reaches (a float32 product and a copy, measured now: about a second for the host, a few for another device, whose kernels are compiled first), "
        + "and why it cannot be used where it cannot. The default is marked: where verbs compute without --device.");

    public string Summary => "list where to compute";

    private readonly Option<bool> _noMeasure = OptionKinds.Flag("--no-measure", "measure nothing: the list comes at once");

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups => [("Output", [_noMeasure]), (CommonOptions.Group, [.. Common.All])];

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine devices", "what there is, and how fast it is"),
        ("fedspine devices --no-measure", "what there is"),
        ("fedspine devices --json", "the same for programs"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        using var host = HostBackend.Create(Common.ThreadCount(parsed));
        List<IlgpuDevice> devices =
        [
            new(CommonOptions.Host, host.Name, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, null, IsGpu: false),
            .. IlgpuDevices.List(),
        ];
        string best = IlgpuDevices.Default(devices) ?? CommonOptions.Host;
        bool json = parsed.GetValue(Common.Json), measure = !parsed.GetValue(_noMeasure);
        var list = new JsonArray();
        foreach (var device in devices)
        {
            cancel.ThrowIfCancellationRequested();
            var row = Ask(device, device.Id == best, host, measure);
            if (json)
                list.Add((JsonNode)ToJson(row));
            else
                terminal.OutWriter.WriteLine(Line(row));
        }

        if (json)
            terminal.OutWriter.WriteLine(new JsonObject { ["devices"] = list }.ToJsonString());
        return ExitCode.Done;
    }

    /// <summary>Opens the device when it is measured; one that fails at that is not usable, and why is said.</summary>
    private static Row Ask(IlgpuDevice device, bool isDefault, IComputeBackend host, bool measure)
    {
        if (device.Problem is not null)
            return new Row(device, isDefault, [], null);
        if (device.Id == CommonOptions.Host)
            return new Row(device, isDefault, Weights(host), measure ? MachinePeak.Measure(host) : null);
        if (!measure || device.IsDebugger)
            return new Row(device, isDefault, Weights(host), null); // every device's kernels read the same types as the host's
        try
        {
            using var backend = IlgpuDevices.Open(device.Id, compile: false);
            return new Row(device, isDefault, Weights(backend), MachinePeak.Measure(backend));
        }
        catch (Exception failure) when (failure is ArgumentException or OutOfMemoryException)
        {
            return new Row(device with { Problem = failure.Message }, isDefault, [], null);
        }
    }

    private static string Line(Row row)
    {
        var device = row.Device;
        string memory = device.MemoryBytes > 0 ? $", {Units.Bytes(device.MemoryBytes)}" : "";
        string use = device.Problem is { } problem ? $"not usable: {problem}" : $"weights in {string.Join(", ", row.Weights)}{(device.IsDebugger ? "; a debugger for kernels, too slow for models" : "")}";
        string rates = row.Peak is { } p ? $"; {Units.Significant(p.FlopsPerSecond / 1e9)} GFLOP/s, copies at {Units.Significant(p.BytesPerSecond / 1e9)} GB/s" : "";
        return $"{(row.IsDefault ? "*" : " ")} {device.Id,-10} {device.Name}{memory}; {use}{Products(device)}{rates}{(row.IsDefault ? "; the default" : "")}";
    }

    /// <summary>What --matmul and --blas can be on a CUDA device.</summary>
    private static string Products(IlgpuDevice device) => device.ComputeCapability is not { } capability ? ""
        : $"; compute capability {capability}, {(device.HasTensorProducts ? "--matmul tf32 and bf16 on tensor cores" : "no --matmul but float32")}, {(device.BlasLibrary is { } library ? $"--blas through {library}" : "no cuBLAS library")}";

    private static JsonObject ToJson(Row row) => new()
    {
        ["device"] = row.Device.Id,
        ["name"] = row.Device.Name,
        ["default"] = row.IsDefault,
        ["memoryBytes"] = row.Device.MemoryBytes > 0 ? row.Device.MemoryBytes : null,
        ["usable"] = row.Device.Problem is null,
        ["problem"] = row.Device.Problem,
        ["weights"] = new JsonArray([.. row.Weights.Select(w => (JsonNode)w)]),
        ["computeCapability"] = row.Device.ComputeCapability,
        ["tensorProducts"] = row.Device.HasTensorProducts,
        ["blasLibrary"] = row.Device.BlasLibrary,
        ["flopsPerSecond"] = row.Peak?.FlopsPerSecond,
        ["copyBytesPerSecond"] = row.Peak?.BytesPerSecond,
    };

    /// <summary>The types that products take.</summary>
    private static IReadOnlyList<string> Weights(IComputeBackend backend) =>
        [.. Enum.GetValues<WeightType>().Where(t => backend.Supports(Operator.Linear, t)).Select(t => t.Label())];
}
