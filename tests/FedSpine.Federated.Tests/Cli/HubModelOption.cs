using FedSpine.Cli;
using FedSpine.Engine;
using FedSpine.Engine.Hub;
using FedSpine.Engine.Tests.Hub;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>--model hub:OWNER/NAME from a server that this test starts.</summary>
public sealed class HubModelOption : IDisposable
{
    private readonly HubServer _server = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("fedspine-").FullName;

    public HubModelOption()
    {
        string sample = Path.Combine(AppContext.BaseDirectory, "Sample", "encoder");
        foreach (string file in Directory.EnumerateFiles(sample))
            _server.Files[Path.GetFileName(file)] = (File.ReadAllBytes(file), file.EndsWith(".safetensors", StringComparison.Ordinal));
        Environment.SetEnvironmentVariable("HF_ENDPOINT", _server.Address.AbsoluteUri);
        Environment.SetEnvironmentVariable("FEDSPINE_HUB_CACHE", _folder);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("HF_ENDPOINT", null);
        Environment.SetEnvironmentVariable("FEDSPINE_HUB_CACHE", null);
        _server.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("--model", "hub:o/n")]
    [InlineData("--model=hub:o/n@v1")]
    public void The_verb_gets_the_folder(params string[] model)
    {
        SimulationOptions? given = null;
        string data = Path.Combine(_folder, "data.tsv");
        File.WriteAllText(data, "sentence\tlabel\na\t0\nb\t1\n");
        var run = CliRun.Of((options, _, _, _, _, _) =>
        {
            given = options;
            throw new InputException("enough seen");
        }, TestContext.Current.CancellationToken, ["simulate", .. model, "--data", data, "--out", Path.Combine(_folder, "run")]);
        Assert.Equal("enough seen", run.Line);
        Assert.Equal(Path.Combine(_folder, "o", "n", HubServer.Commit, "n"), given!.Model);
        Assert.True(File.Exists(Path.Combine(given.Model!, "model.safetensors")));
        Assert.Contains("receiving model.safetensors", run.Out);
    }

    [Fact]
    public void What_is_not_there_is_one_line_and_bad_input()
    {
        var run = CliRun.Of(Fail, TestContext.Current.CancellationToken, "simulate", "--model", "hub:o/other");
        Assert.Equal((ExitCode.BadInput, true), (run.Code, run.Line.StartsWith("hub:o/other@main: no such repository", StringComparison.Ordinal)));
        run = CliRun.Of(Fail, TestContext.Current.CancellationToken, "simulate", "--model", "hub:other");
        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.StartsWith("--model hub:other: expected hub:OWNER/NAME", run.Line);
        Assert.Contains(HubReference.Prefix, CliRun.Of(Fail, TestContext.Current.CancellationToken, "simulate", "--help").Out);
    }

    [Fact]
    public void Ctrl_C_keeps_what_was_received()
    {
        using var cancel = new CancellationTokenSource();
        _server.Instead = (request, _) =>
        {
            if (request.Path.StartsWith("/cdn/", StringComparison.Ordinal))
                cancel.Cancel();
            return null;
        };
        var run = CliRun.Of(Fail, cancel.Token, "simulate", "--model", "hub:o/n");
        Assert.Equal(ExitCode.Interrupted, run.Code);
        Assert.Contains("what was received is kept", run.Line);
    }

    private static Federated.Reporting.RunSummary Fail(
        SimulationOptions options, string folder, bool resume, SimulationCompute compute, ISimulationProgress progress, CancellationToken cancel) =>
        throw new InvalidOperationException("the simulation was not to start");
}
