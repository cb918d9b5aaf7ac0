using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Tests.Ilgpu;

/// <summary>The table in kernels/README.md is what the backends answer.</summary>
[Collection(nameof(Accelerators))]
public sealed class SupportTableTests
{
    [Fact]
    public void TheReadmeTellsWhatRunsWhere()
    {
        using var host = HostBackend.Create(1);
        string[] rows =
        [
            "| operator | host | CUDA, OpenCL, ILGPU CPU |", "|---|---|---|",
            .. Enum.GetValues<Operator>().Select(op => $"| {op} | {Types(host, op)} | {Types(Accelerators.Open(Accelerators.Debugger), op)} |"),
        ];
        string expected = string.Join('\n', rows);
        string readme = File.ReadAllText(Path.Combine(Root(), "kernels", "README.md")).ReplaceLineEndings("\n");
        Assert.True(readme.Contains(expected, StringComparison.Ordinal), $"kernels/README.md should have the table\n{expected}");
    }

    private static string Types(IComputeBackend backend, Operator op) => string.Join(", ",
        Enum.GetValues<WeightType>().Where(t => t == WeightType.F32 ? backend.Supports(op, typeof(float)) : backend.Supports(op, t)).Select(t => t.ToString().ToLowerInvariant()));

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "FedSpine.Engine.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException($"no FedSpine.Engine.sln above {AppContext.BaseDirectory}");
        return folder.FullName;
    }
}
