using System.Text.Json.Nodes;
using FedSpine.Federated.Comparison;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Cli;

public sealed class CompareVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-compare-").FullName;
    private readonly List<SimulationOptions> _ran = [];
    private readonly FakeSimulator _simulator = new();
    private readonly CancellationTokenSource _cancel = new();
    private int _stopAfter = int.MaxValue;

    private string Out => Path.Combine(_root, "comparison");

    public void Dispose()
    {
        _cancel.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private CliRun Run(params string[] arguments) => CliRun.Of((options, folder, resume, compute, progress, cancel) =>
    {
        if (_ran.Count >= _stopAfter)
            _cancel.Cancel();
        cancel.ThrowIfCancellationRequested();
        _ran.Add(options);
        return _simulator.Run(options, folder, resume, compute, progress, cancel);
    }, _cancel.Token, ["compare", .. arguments]);

    private string Data(string name)
    {
        string path = Path.Combine(_root, name);
        File.WriteAllLines(path, ["text\tlabel", .. Enumerable.Range(0, 40).Select(i => $"the film was {(i % 2 == 0 ? "good" : "bad")} {i}\t{i % 2}")]);
        return path;
    }

    [Fact]
    public void Options_become_runs()
    {
        string train = Data("train.tsv"), test = Data("test.tsv");
        var run = Run("--methods", "fedspine,fed-random", "--variant", "odd:smoothing=0.5,partition=dirichlet:0.3", "--data-set", $"a={train},{test},length=16",
            "--data-set", $"b={train},partition=iid", "--seeds", "4,7", "--rounds", "2", "--lr", "0.002", "--out", Out);
        Assert.Equal((0, ""), (run.Code, run.Error));
        // Of b's own partition, odd has another: one more reference.
        Assert.Equal(2 * (3 + 1 + 1 + 3 + 1 + 1), _ran.Count);
        Assert.Equal([4ul, 7ul], _ran.Select(o => o.Seed).Distinct());
        Assert.All(_ran, o => Assert.Equal((2, 0.002, false), (o.Rounds, o.LearningRate!.Value, o.Reference)));
        Assert.Equal(["fedspine", "fed-random", "fedspine", "fedspine", "fedspine"], _ran.Take(5).Select(o => o.Method));
        Assert.Equal((0.5, "dirichlet:0.3", 16, test), (_ran[2].Smoothing, _ran[2].Partition, _ran[2].Length, _ran[2].EvalData));
        Assert.Equal(("iid", 64, null), (_ran[5].Partition, _ran[5].Length, _ran[5].EvalData));
        Assert.Contains("20/20", run.Out);
        Assert.Contains("| fed-random |", run.Out);
        Assert.Contains($"report: {Path.Combine(Out, "report.html")}", run.Out);
        Assert.Contains("fedspine and fed-random are equal", File.ReadAllText(Path.Combine(Out, "table.md"))); // the fake gives all the same
    }

    [Fact]
    public void All_runs_compute_on_one_device_which_a_comparison_keeps()
    {
        string[] quick = ["--methods", "fedspine", "--seeds", "1,2", "--rounds", "2"];
        var run = Run([.. quick, "--variant", "other:device=ilgpu-cpu", "--out", Out]);
        Assert.Equal((2, "device: the runs of a comparison compute on one device; give it for all, or with --device"), (run.Code, run.Line));
        Assert.False(Directory.Exists(Out));

        _stopAfter = 1;
        run = Run([.. quick, "--device", "host", "--out", Out]);
        Assert.Equal((130, "host"), (run.Code, _simulator.Device));
        string config = Directory.EnumerateFiles(Out, "config.json", SearchOption.AllDirectories).First();
        File.WriteAllText(config, SimulationConfig.Write(SimulationConfig.Read(config) with { Device = "host" })); // as the simulator does
        (_stopAfter, CliRun.DefaultDevice) = (int.MaxValue, "cuda:3"); // found since
        using var again = new CancellationTokenSource();
        run = CliRun.Of((options, folder, resume, compute, progress, cancel) => _simulator.Run(options, folder, resume, compute, progress, cancel), again.Token, "compare", "--resume", Out);
        Assert.Equal((0, "host"), (run.Code, _simulator.Device));
    }

    [Fact]
    public void Options_go_over_the_file()
    {
        string config = Path.Combine(_root, "settings.json");
        File.WriteAllText(config, """{ "methods": ["fedspine", "hetlora"], "seeds": [3], "settings": { "rounds": 2, "rank": 8 }, "reference": false }""");
        Assert.Equal(0, Run("--config", config, "--rank", "12", "--methods", "fedlora", "--out", Out).Code);
        var options = Assert.Single(_ran);
        Assert.Equal(("fedlora", 12, 2, 3ul), (options.Method, options.Rank, options.Rounds, options.Seed));
    }

    [Fact]
    public void Stopped_it_says_how_to_go_on_and_repeats_nothing()
    {
        _stopAfter = 2;
        var stopped = Run("--methods", "all", "--seeds", "1", "--rounds", "2", "--out", Out);
        Assert.Equal(130, stopped.Code);
        Assert.Equal($"stopped after 2 of 8 runs; continue with: fedspine compare --resume {Out}", stopped.Line);
        using var fresh = new CancellationTokenSource();
        int before = _ran.Count;
        var resumed = CliRun.Of((options, folder, resume, compute, progress, cancel) =>
        {
            _ran.Add(options);
            return _simulator.Run(options, folder, resume, compute, progress, cancel);
        }, fresh.Token, "compare", "--resume", Out, "--json");
        Assert.Equal(0, resumed.Code);
        Assert.Equal(6, _ran.Count - before);
        var json = JsonNode.Parse(resumed.Out)!;
        Assert.Equal((8, 8, Out), ((int)json["cells"]!, (int)json["finishedCells"]!, (string?)json["folder"]));
    }

    [Fact]
    public void A_dry_run_lists_the_runs_and_makes_nothing()
    {
        var run = Run("--methods", "fedspine,fedlora", "--seeds", "1,2", "--rounds", "2", "--out", Out, "--dry-run");
        Assert.Equal(0, run.Code);
        Assert.Contains("6 runs, about ", run.Out);
        Assert.Empty(_ran);
        Assert.False(Directory.Exists(Out));
        var json = JsonNode.Parse(Run("--methods", "fedspine", "--no-reference", "--seeds", "1", "--dry-run", "--json").Out)!;
        Assert.True((double)json["seconds"]! > 0);
        Assert.Equal("fedspine", (string?)Assert.Single(json["cells"]!.AsArray())!["variant"]);
    }

    [Theory]
    [InlineData("", "nothing to compare: give --methods, or --variant")]
    [InlineData("--methods fedavg", "--method fedavg: expected fedspine")]
    [InlineData("--methods all --seeds 1,x", "--seeds x: expected whole numbers")]
    [InlineData("--methods all --seeds 1,1", "seed 1 is there twice")]
    [InlineData("--methods fedspine,fedspine", "variant fedspine is there twice")]
    [InlineData("--variant a:colour=red", "--variant a: 'colour' is no setting of a run")]
    [InlineData("--variant a:rank=big", "--variant a: rank=big is not a value of rank")]
    [InlineData("--variant a:rank=4,rank=8", "--variant a: rank is given twice")]
    [InlineData("--variant a/b:rank=4", "variant 'a/b': a name is letters")]
    [InlineData("--variant unpruned:rank=4", "names that begin with unpruned are those of the reference")]
    [InlineData("--variant a:method=fedlora,policy=s-ucb", "variant a on sample: --policy s-ucb contradicts --method fedlora")]
    [InlineData("--methods all --data-set train.tsv", "--data-set train.tsv: expected NAME=FILE")]
    [InlineData("--methods all --data-set a=b,c,d", "'d' is neither the test file")]
    [InlineData("--methods all --data-set a=nowhere.tsv", "no such file or folder")]
    [InlineData("--resume nowhere", "--resume nowhere: no such folder")]
    [InlineData("--resume nowhere --methods all", "--methods cannot be given with --resume")]
    [InlineData("--methods all --config nowhere.json", "nowhere.json: no such file")]
    public void Bad_input_is_one_line(string arguments, string expected)
    {
        var run = Run([.. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--json"]);
        Assert.Equal(2, run.Code);
        Assert.Contains(expected, run.Line);
        Assert.Equal("", run.Out);
    }

    [Fact]
    public void A_folder_in_use_is_left_alone()
    {
        Assert.Equal(0, Run("--methods", "fedspine", "--seeds", "1", "--rounds", "2", "--out", Out).Code);
        Assert.Contains("already holds a comparison", Run("--methods", "fedspine", "--out", Out).Line);
        File.WriteAllText(Path.Combine(_root, "mine.txt"), "");
        Assert.Contains("is not empty", Run("--methods", "fedspine", "--out", _root).Line);
    }
}
