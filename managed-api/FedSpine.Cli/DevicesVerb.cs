using System.CommandLine;
using System.Text.Json.Nodes;
using FedSpine.Engine.Formats;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Ilgpu;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary><c>fedspine devices</c>.</summary>
internal sealed class DevicesVerb(Terminal terminal) : IVerb
{
    public Command Command { get; } = new("devices",
        "Lists where this machine can compute: what to give as --device, the device's name, its memory, the weights it computes on, and why it cannot be used where it cannot.");

    public string Summary => "list where to compute";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups => [(CommonOptions.Group, [.. Common.All])];

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine devices", "what there is"),
        ("fedspine devices --json", "the same for programs"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        using var host = HostBackend.Create(Common.ThreadCount(parsed));
        List<IlgpuDevice> devices =
        [
            new("host", host.Name, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, null),
            .. IlgpuDevices.List(),
        ];
        if (parsed.GetValue(Common.Json))
            terminal.OutWriter.WriteLine(new JsonObject { ["devices"] = new JsonArray([.. devices.Select(d => ToJson(d, host))]) }.ToJsonString());
        else
        {
            foreach (var device in devices)
                terminal.OutWriter.WriteLine(Line(device, host));
        }

        return ExitCode.Done;
    }

    private static string Line(IlgpuDevice device, IComputeBackend host)
    {
        string memory = device.MemoryBytes > 0 ? $", {Units.Bytes(device.MemoryBytes)}" : "";
        string use = device.Problem is { } problem ? $"not usable: {problem}" : $"weights in {string.Join(", ", Weights(device, host))}{(device.IsDebugger ? "; a debugger for kernels, too slow for models" : "")}";
        return $"{device.Id,-10} {device.Name}{memory}; {use}";
    }

    private static JsonObject ToJson(IlgpuDevice device, IComputeBackend host) => new()
    {
        ["device"] = device.Id,
        ["name"] = device.Name,
        ["memoryBytes"] = device.MemoryBytes > 0 ? device.MemoryBytes : null,
        ["usable"] = device.Problem is null,
        ["problem"] = device.Problem,
        ["weights"] = new JsonArray([.. Weights(device, host).Select(w => (JsonNode)w)]),
    };

    private static IEnumerable<string> Weights(IlgpuDevice device, IComputeBackend host) => device.Problem is not null ? []
        : Enum.GetValues<WeightType>().Where(t => host.Supports(Operator.Linear, t)).Select(t => t.Label());
}
