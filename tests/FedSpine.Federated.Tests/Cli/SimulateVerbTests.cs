using System.Text.Json;
using System.Text.Json.Nodes;
using FedSpine.Cli;
using FedSpine.Engine;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Cli;

public sealed class SimulateVerbTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-cli-").FullName;
    private readonly FakeSimulator _simulator = new();

    private string Out => Path.Combine(_root, "run");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private CliRun Run(params string[] arguments) => CliRun.Of(_simulator.Run, TestContext.Current.CancellationToken, ["simulate", .. arguments]);

    private string Config(string json)
    {
        string path = Path.Combine(_root, "settings.json");
        File.WriteAllText(path, json);
        return path;
    }

    [Fact]
    public void Without_options_the_defaults_run()
    {
        var run = Run("--out", Out);
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal(new SimulationOptions(), _simulator.Options);
        Assert.Equal((Out, false, 0), (_simulator.Folder, _simulator.Resume, _simulator.Threads));
        Assert.Null(_simulator.Accelerator);
    }

    [Fact]
    public void The_device_reaches_the_run()
    {
        Assert.Equal(0, Run("--out", Out, "--device", "ilgpu-cpu").Code);
        Assert.StartsWith("ILGPU", _simulator.Accelerator);
        Assert.Equal("ilgpu-cpu", _simulator.Device);
    }

    [Fact]
    public void A_run_goes_on_where_it_was_begun()
    {
        CliRun.DefaultDevice = "cuda:3"; // found since
        Assert.Equal(0, Run("--out", Out, "--device", "ilgpu-cpu", "--rounds", "2").Code);
        var folder = new RunFolder(Out);
        File.Delete(folder.Summary);
        File.WriteAllText(folder.Config, SimulationConfig.Write(SimulationConfig.Read(folder.Config) with { Device = "ilgpu-cpu" })); // as the simulator does
        var run = Run("--resume", Out);
        Assert.Equal((0, "ilgpu-cpu", "computing on ilgpu-cpu, as the run's configuration says (--device host: on the processor)"), (run.Code, _simulator.Device, run.Line));

        Assert.Equal(0, Run("--out", Out + "-again", "--config", folder.Config).Code);
        Assert.Equal("ilgpu-cpu", _simulator.Device);

        File.Delete(folder.Summary);
        run = Run("--resume", Out, "--device", "host");
        Assert.Equal((0, "host"), (run.Code, _simulator.Device));
        Assert.StartsWith("this run was begun on ilgpu-cpu and goes on or is repeated on host", run.Line);

        // Before devices were recorded, the host was where a run was begun.
        File.Delete(folder.Summary);
        File.WriteAllText(folder.Config, SimulationConfig.Write(SimulationConfig.Read(folder.Config) with { Device = null }));
        run = Run("--resume", Out);
        Assert.Equal((0, "host", ""), (run.Code, _simulator.Device, run.Error));
    }

    [Fact]
    public void Every_option_reaches_the_run()
    {
        string file = Config("{}");
        var expected = new SimulationOptions
        {
            Model = _root, Data = file, EvalData = file, Task = TaskKind.CausalLm, TextColumn = "text", PairColumn = "2", LabelColumn = "1", DomainColumn = "topic",
            DataFormat = DataFormat.LabelFirst, Encoding = DataEncoding.Latin1,
            Devices = 3, Participation = 1, Rounds = 2, LocalSteps = 5, PruneInterval = 4, TargetSparsity = 0.25, Policy = "random", Aggregation = "flora",
            Partition = "dirichlet:0.3", Criterion = "magnitude", Rank = 8, MinRank = 1, Alpha = 16.5, Targets = "query,value", Batch = 7, Length = 33,
            LearningRate = 1e-4, Fleet = "uniform", EvaluateEvery = 3, EvaluateExamples = 99, Reference = false, TargetAccuracy = 4.5, Seed = 18446744073709551615,
            Schedule = "one-shot", Smoothing = 0.5, ShareStatistics = true, RewardWeights = "1:0:0", ShareImportance = false, CalibrateLogits = false,
        };
        foreach (var property in typeof(SimulationOptions).GetProperties().Where(p => p.Name is not ("EqualityContract" or "Method" or "Device")))
            Assert.False(Equals(property.GetValue(expected), property.GetValue(new SimulationOptions())), $"{property.Name} is not in this test");

        var run = Run("--out", Out, "--threads", "2", "--model", _root, "--data", file, "--eval-data", file, "--task", "causal-lm", "--text-column", "text",
            "--pair-column", "2", "--data-format", "label-first", "--encoding", "latin1", "--label-column", "1", "--domain-column", "topic", "--devices", "3", "--participation", "1", "--rounds", "2", "--local-steps", "5",
            "--prune-interval", "4", "--target-sparsity", "0.25", "--policy", "random", "--aggregation", "flora", "--partition", "dirichlet:0.3",
            "--criterion", "magnitude", "--rank", "8", "--min-rank", "1", "--alpha", "16.5", "--targets", "query,value", "--batch", "7", "--length", "33",
            "--lr", "1e-4", "--fleet", "uniform", "--evaluate-every", "3", "--evaluate-examples", "99", "--no-reference", "--target-accuracy", "4.5",
            "--schedule", "one-shot", "--smoothing", "0.5", "--share-statistics", "--share-importance", "false", "--calibrate-logits", "false", "--reward-weights", "1:0:0", "--seed", "18446744073709551615");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal(expected, _simulator.Options);
        Assert.Equal(2, _simulator.Threads);

        // The command that the report prints brings the same settings back.
        string command = RepeatCommand.For(expected);
        string[] words = command["fedspine simulate ".Length..].Split(' ');
        Run([.. words, "--out", Path.Combine(_root, "again")]);
        // A language model has no labels to calibrate by: false is its default, which needs no option.
        Assert.Equal(expected with { CalibrateLogits = null }, _simulator.Options);
    }

    [Fact]
    public void Options_go_over_the_configuration_and_it_over_the_defaults()
    {
        string config = Config("""{ "rounds": 3, "devices": 5, "reference": false }""");
        Assert.Equal(0, Run("--out", Out, "--config", config, "--devices", "6").Code);
        Assert.Equal(new SimulationOptions { Rounds = 3, Devices = 6, Reference = false }, _simulator.Options);
    }

    [Fact]
    public void A_runs_own_config_repeats_it()
    {
        Run("--out", Out, "--rounds", "3", "--seed", "9");
        Assert.Equal(0, Run("--out", Path.Combine(_root, "again"), "--config", Path.Combine(Out, "config.json")).Code);
        Assert.Equal(new SimulationOptions { Rounds = 3, Seed = 9 }, _simulator.Options);
    }

    [Fact]
    public void Relative_paths_are_kept_absolute()
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, Config("{}"));
        Assert.Equal(0, Run("--out", Out, "--data", relative).Code);
        Assert.Equal(Path.Combine(_root, "settings.json"), _simulator.Options!.Data);
    }

    [Fact]
    public void Json_is_one_object_on_standard_output()
    {
        var run = Run("--out", Out, "--json", "--rounds", "2");
        Assert.Equal(0, run.Code);
        var json = JsonNode.Parse(run.Out)!.AsObject();
        Assert.Equal(Out, (string?)json["folder"]);
        string[] names =
        [
            "method", "seed", "rounds", "devices", "targetSparsity", "sparsity", "accuracy", "accuracyUnpruned", "virtualSeconds", "virtualSecondsToTarget",
            "bytesUp", "bytesDown", "parametersBefore", "parametersAfter", "inferenceTimeRatio", "wallSeconds", "peakRssBytes",
        ];
        foreach (string name in names)
            Assert.True(json.ContainsKey(name), name);
        json.Remove("folder");
        Assert.True(JsonNode.DeepEquals(json, JsonNode.Parse(File.ReadAllText(Path.Combine(Out, "summary.json")))));
        Assert.Contains("round 2/2", run.Error);
    }

    [Fact]
    public void The_result_fits_eighty_columns_and_says_where_the_report_is()
    {
        var run = Run("--out", Out);
        Assert.Contains($"report: {Path.Combine(Out, "report.html")}", run.Out);
        foreach (string part in new[] { "Accuracy", "92.5 %", "94.1 %", "−1.6 points", "Virtual time", "Bytes up", "round  1/18", "round 18/18" })
            Assert.Contains(part, run.Out);
        Assert.DoesNotContain('\e', run.Out);
        Assert.All(run.Out.Split('\n').Where(l => !l.Contains("report:")), line => Assert.InRange(line.Length, 0, 80));
    }

    [Theory]
    [InlineData("--rank 0", "--rank 0: expected 1 to 4096")]
    [InlineData("--min-rank 17", "--min-rank 17: expected 1 to the rank, 16")]
    [InlineData("--target-sparsity 0.951", "--target-sparsity 0.951: expected 0 to 0.95")]
    [InlineData("--target-sparsity -0.1", "--target-sparsity -0.1: expected 0 to 0.95")]
    [InlineData("--participation 0", "--participation 0: expected above 0, at most 1")]
    [InlineData("--participation 1.01", "--participation 1.01: expected above 0, at most 1")]
    [InlineData("--rounds 0", "--rounds 0: expected at least 1")]
    [InlineData("--devices 0", "--devices 0: expected 1 to 100000")]
    [InlineData("--local-steps 0", "--local-steps 0: expected at least 1")]
    [InlineData("--prune-interval 0", "--prune-interval 0: expected at least 1")]
    [InlineData("--evaluate-every 0", "--evaluate-every 0: expected at least 1")]
    [InlineData("--batch 0", "--batch 0: expected at least 1")]
    [InlineData("--length 1", "--length 1: expected at least 4 tokens")]
    [InlineData("--lr 0", "--lr 0: expected above 0")]
    [InlineData("--alpha -1", "--alpha -1: expected above 0")]
    [InlineData("--criterion best", "--criterion best: expected taylor, lora-gradient, activation, magnitude, random")]
    [InlineData("--fleet phones", "--fleet phones: expected jetson, uniform")]
    [InlineData("--targets query,keys", "--targets keys: expected all, or some of query, key, value")]
    [InlineData("--task regression", "--task regression: expected classification or causal-lm (see fedspine simulate --help)")]
    [InlineData("--task causal-lm", "--task causal-lm: the bundled sample is an encoder")]
    [InlineData("--method fedavg", "--method fedavg: expected fedspine, fedlora, hetlora, fed-magnitude")]
    [InlineData("--method fed-random --criterion taylor", "--criterion taylor contradicts --method fed-random, whose criterion is random; only fedspine takes another")]
    [InlineData("--share-importance maybe", "--share-importance maybe: expected true or false")]
    [InlineData("--calibrate-logits maybe", "--calibrate-logits maybe: expected true or false")]
    [InlineData("--policy s-ucb --method fedlora", "--policy s-ucb contradicts --method fedlora, whose policy is fixed")]
    [InlineData("--method hetlora --target-sparsity 0.5", "--target-sparsity 0.5 contradicts --method hetlora, which does not prune")]
    [InlineData("--schedule none --target-sparsity 0.5", "--target-sparsity 0.5 contradicts --schedule none, which does not prune")]
    [InlineData("--schedule often", "--schedule often: expected iterative, one-shot, none")]
    [InlineData("--smoothing 1", "--smoothing 1: expected 0 to below 1")]
    [InlineData("--reward-weights 1:2", "--reward-weights 1:2: expected LOSS:PRUNING:IMPORTANCE")]
    [InlineData("--reward-weights 0:0:0", "--reward-weights 0:0:0: expected LOSS:PRUNING:IMPORTANCE")]
    [InlineData("--rounds many", "--rounds many: expected a whole number")]
    [InlineData("--rounds 1.5", "--rounds 1.5: expected a whole number")]
    [InlineData("--rounds 3000000000", "--rounds 3000000000: expected a whole number, at most 2147483647")]
    [InlineData("--rounds", "--rounds needs a value")]
    [InlineData("--rounds 1 --rounds 2", "--rounds is given more than once")]
    [InlineData("--lr NaN", "--lr NaN: expected a number")]
    [InlineData("--lr Infinity", "--lr Infinity: expected a number")]
    [InlineData("--seed -1", "--seed -1: expected a whole number from 0 to")]
    [InlineData("--device cuda:77", "--device cuda:77: there is no device cuda:77; there are host")]
    [InlineData("--device tpu", "--device tpu: expected host|cuda[:i]|opencl[:i]|ilgpu-cpu")]
    [InlineData("--threads 0", "--threads 0: expected 1 to 1024")]
    [InlineData("--model nowhere", "nowhere: no such file or folder")]
    [InlineData("--data nowhere.tsv", "nowhere.tsv: no such file or folder")]
    [InlineData("--config nowhere.json", "nowhere.json: no such file")]
    [InlineData("--resume nowhere", "--resume nowhere: no such folder")]
    [InlineData("--ronds 3", "unknown option '--ronds', did you mean --rounds? (see fedspine simulate --help)")]
    [InlineData("sample", "unexpected argument 'sample' (see fedspine simulate --help)")]
    public void Bad_input_is_one_line_and_exit_code_2(string arguments, string expected)
    {
        var run = Run(arguments.Split(' '));
        Assert.Equal(2, run.Code);
        Assert.Equal("", run.Out);
        Assert.Contains(expected, run.Line);
        Assert.Null(_simulator.Options);
    }

    [Fact]
    public void An_unknown_key_of_the_configuration_is_named()
    {
        string config = Config("""{ "round": 3 }""");
        var run = Run("--config", config);
        Assert.Equal(2, run.Code);
        Assert.StartsWith($"{config}: unknown key 'round'", run.Line);
    }

    [Fact]
    public void A_value_of_the_configuration_is_checked_like_an_option()
    {
        var run = Run("--config", Config("""{ "rank": 0 }"""));
        Assert.Equal((2, "--rank 0: expected 1 to 4096"), (run.Code, run.Line));
    }

    [Fact]
    public void A_folder_that_holds_a_run_is_refused_before_any_work()
    {
        Run("--out", Out, "--seed", "5");
        var again = new FakeSimulator();
        var run = CliRun.Of(again.Run, TestContext.Current.CancellationToken, "simulate", "--out", Out);
        Assert.Equal(2, run.Code);
        Assert.Contains("already holds a run (seed 5, started ", run.Line);
        Assert.Null(again.Options);
    }

    [Fact]
    public void Stopping_says_how_to_go_on_and_resuming_finishes()
    {
        using var source = new CancellationTokenSource();
        var stopping = new FakeSimulator { AfterRound = round => { if (round == 3) source.Cancel(); } };
        var stopped = CliRun.Of(stopping.Run, source.Token, "simulate", "--out", Out, "--rounds", "5", "--seed", "4");
        Assert.Equal(130, stopped.Code);
        Assert.Equal($"stopped after round 3; continue with: fedspine simulate --resume {Out}", stopped.Line);

        var resumed = Run("--resume", Out);
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));
        Assert.True(_simulator.Resume);
        Assert.Equal(new SimulationOptions { Rounds = 5, Seed = 4 }, _simulator.Options);
        Assert.Equal([1, 2, 3, 4, 5], RunFolderReader.ReadRounds(new RunFolder(Out)).Select(r => r.Round));
    }

    [Fact]
    public void Resuming_a_finished_run_shows_its_result_again()
    {
        Run("--out", Out, "--rounds", "2");
        var again = new FakeSimulator();
        var run = CliRun.Of(again.Run, TestContext.Current.CancellationToken, "simulate", "--resume", Out, "--json");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.Equal(2, (int?)JsonNode.Parse(run.Out)!["rounds"]);
        Assert.Null(again.Options);
    }

    [Theory]
    [InlineData("--rounds 3", "--rounds")]
    [InlineData("--no-reference", "--no-reference")]
    [InlineData("--out elsewhere", "--out")]
    [InlineData("--config settings.json", "--config")]
    public void Settings_cannot_change_on_resume(string arguments, string option)
    {
        Run("--out", Out, "--rounds", "2");
        var run = Run(["--resume", Out, .. arguments.Split(' ')]);
        Assert.Equal(2, run.Code);
        Assert.StartsWith($"{option} cannot be given with --resume", run.Line);
    }

    [Fact]
    public void Stopping_before_a_checkpoint_says_that_nothing_is_kept()
    {
        var run = CliRun.Of((SimulateRun)((_, _, _, _, _, _) => throw new OperationCanceledException()), TestContext.Current.CancellationToken, "simulate", "--out", Out);
        Assert.Equal((130, "stopped before the first round; nothing is kept"), (run.Code, run.Line));
    }

    [Theory]
    [InlineData(2, "input")]
    [InlineData(1, "failed")]
    [InlineData(1, "disk")]
    [InlineData(1, "bug")]
    public void Failures_are_one_line_and_their_trace_only_with_verbose(int code, string kind)
    {
        Exception failure = kind switch
        {
            "input" => new InputException("model.safetensors: bad\nheader"), "failed" => new FedSpineException("diverged"),
            "disk" => new IOException("No space left on device"), _ => new InvalidOperationException("oops"),
        };
        var run = CliRun.Of((SimulateRun)((_, _, _, _, _, _) => throw failure), TestContext.Current.CancellationToken, "simulate", "--out", Out);
        Assert.Equal(code, run.Code);
        Assert.Contains(failure.Message.Replace('\n', ' '), run.Line);
        Assert.Equal(kind == "bug", run.Line.Contains("internal error"));

        var verbose = CliRun.Of((SimulateRun)((_, _, _, _, _, _) => throw failure), TestContext.Current.CancellationToken, "simulate", "--out", Out, "--verbose");
        Assert.Equal(code, verbose.Code);
        Assert.Contains("   at ", verbose.Error);
    }
}
