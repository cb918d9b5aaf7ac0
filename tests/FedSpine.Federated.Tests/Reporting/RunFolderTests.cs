using FedSpine.Engine;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Reporting;

/// <summary>What a run leaves behind reads back, and nothing that exists is overwritten.</summary>
public sealed class RunFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-run-").FullName;

    private string Out => Path.Combine(_root, "run");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Records_read_back_as_written()
    {
        var run = new SyntheticRun().Build();
        var writer = RunFolderWriter.Create(Out, run.Options);
        foreach (var round in run.Rounds)
            writer.AppendRound(round);
        writer.Finish(run.Summary, run.Devices);

        var options = SimulationConfig.Read(writer.Folder.Config);
        Assert.Equal(run.Options, options);
        var rounds = RunFolderReader.ReadRounds(writer.Folder);
        Assert.Equivalent(run.Rounds, rounds, strict: true);
        Assert.Equivalent(run.Devices, RunFolderReader.ReadDevices(writer.Folder), strict: true);
        Assert.Equivalent(run.Summary, RunFolderReader.ReadSummary(writer.Folder), strict: true);
        Assert.Contains("</html>", File.ReadAllText(writer.Folder.Report));
        Assert.Empty(Directory.GetFiles(Out, "*.partial"));
    }

    [Fact]
    public void Figures_that_are_not_finite_survive()
    {
        var run = new SyntheticRun { Rounds = 1 }.Build();
        var writer = RunFolderWriter.Create(Out, run.Options);
        writer.AppendRound(run.Rounds[0] with { Perplexity = double.PositiveInfinity, AggregationError = double.NaN });
        var round = Assert.Single(RunFolderReader.ReadRounds(writer.Folder));
        Assert.Equal(double.PositiveInfinity, round.Perplexity);
        Assert.Equal(double.NaN, round.AggregationError);
    }

    [Fact]
    public void Names_are_camel_case_and_the_round_is_one_line()
    {
        var run = new SyntheticRun().Build();
        var writer = RunFolderWriter.Create(Out, run.Options);
        writer.AppendRound(run.Rounds[0]);
        string line = Assert.Single(File.ReadAllLines(writer.Folder.Rounds));
        foreach (string name in new[] { "round", "virtualSeconds", "slowestDevice", "meanSparsity", "participants", "ratioReached", "bytesUp", "wallSeconds" })
            Assert.Contains($"\"{name}\":", line);
        Assert.Contains("\"task\": \"classification\"", File.ReadAllText(writer.Folder.Config));
    }

    [Fact]
    public void A_torn_last_line_is_dropped_on_resume()
    {
        var run = new SyntheticRun().Build();
        var writer = RunFolderWriter.Create(Out, run.Options);
        writer.AppendRound(run.Rounds[0]);
        writer.AppendRound(run.Rounds[1]);
        File.AppendAllText(writer.Folder.Rounds, "{\"round\":3,\"virtu");
        Assert.Equal(2, RunFolderReader.ReadRounds(writer.Folder).Count);

        RunFolderWriter.Resume(Out, 2).AppendRound(run.Rounds[2]);
        Assert.Equal([1, 2, 3], RunFolderReader.ReadRounds(writer.Folder).Select(r => r.Round));
    }

    [Fact]
    public void Rounds_after_the_checkpoint_are_dropped_on_resume()
    {
        var run = new SyntheticRun().Build();
        var writer = RunFolderWriter.Create(Out, run.Options);
        foreach (var round in run.Rounds)
            writer.AppendRound(round);
        RunFolderWriter.Resume(Out, 5);
        Assert.Equal(5, RunFolderReader.ReadRounds(writer.Folder).Count);
        RunFolderWriter.Resume(Out, 0);
        Assert.Empty(RunFolderReader.ReadRounds(writer.Folder));
    }

    [Fact]
    public void Fewer_rounds_than_the_checkpoint_has_is_an_error()
    {
        var run = new SyntheticRun().Build();
        RunFolderWriter.Create(Out, run.Options).AppendRound(run.Rounds[0]);
        Assert.Contains("1 complete lines, and the checkpoint is of round 4", Assert.Throws<InputException>(() => RunFolderWriter.Resume(Out, 4)).Message);
        Assert.Contains("holds no run", Assert.Throws<InputException>(() => RunFolderWriter.Resume(_root, 0)).Message);
    }

    [Fact]
    public void A_folder_that_holds_a_run_is_refused_and_left_alone()
    {
        RunFolderWriter.Create(Out, new SimulationOptions { Seed = 42 });
        string before = File.ReadAllText(Path.Combine(Out, "config.json"));
        var error = Assert.Throws<InputException>(() => RunFolderWriter.Create(Out, new SimulationOptions { Seed = 43 }));
        Assert.Contains($"{Out} already holds a run (seed 42, started ", error.Message);
        Assert.Contains("give another --out, or continue it with --resume", error.Message);
        Assert.Equal(before, File.ReadAllText(Path.Combine(Out, "config.json")));
    }

    [Theory]
    [InlineData("report.html")]
    [InlineData("summary.json")]
    [InlineData("config.json")]
    public void A_folder_with_somebody_elses_file_of_our_name_is_refused(string name)
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, name), "{\"architectures\": []}");
        Assert.Contains(name, Assert.Throws<InputException>(() => RunFolderWriter.RequireFree(Out)).Message);
    }

    [Fact]
    public void Other_files_do_not_matter_but_a_file_as_folder_does()
    {
        File.WriteAllText(Path.Combine(_root, "notes.txt"), "");
        RunFolderWriter.RequireFree(_root);
        Assert.Contains("is a file", Assert.Throws<InputException>(() => RunFolderWriter.RequireFree(Path.Combine(_root, "notes.txt"))).Message);
    }

    [Fact]
    public void A_full_disk_is_one_line_that_names_the_file()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "no /dev/full here");
        var run = new SyntheticRun { Rounds = 1 }.Build();
        var writer = RunFolderWriter.Create(Out, run.Options);
        File.CreateSymbolicLink(writer.Folder.Rounds, "/dev/full");
        var error = Assert.Throws<FedSpineException>(() => writer.AppendRound(run.Rounds[0]));
        Assert.StartsWith($"{writer.Folder.Rounds}: cannot be written: No space left on device", error.Message);
    }

    [Fact]
    public void The_next_free_name_is_after_the_last()
    {
        Assert.EndsWith("simulate-001", RunFolderWriter.NextFree(Path.Combine(_root, "none"), "simulate"));
        foreach (string name in new[] { "simulate-001", "simulate-007", "simulate-test", "other-009" })
            Directory.CreateDirectory(Path.Combine(_root, name));
        Assert.EndsWith("simulate-008", RunFolderWriter.NextFree(_root, "simulate"));
    }
}
