using System.Text.Json.Nodes;
using FedSpine.Cli;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Sample;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>Both verbs on the real engine: a tiny encoder is pretrained once, then federated in several ways.</summary>
public sealed class EndToEndTests : IClassFixture<EndToEndTests.TinyEncoder>, IDisposable
{
    private readonly TinyEncoder _encoder;
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-end-").FullName;

    public EndToEndTests(TinyEncoder encoder) => _encoder = encoder;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    public sealed class TinyEncoder : IDisposable
    {
        public TinyEncoder()
        {
            File.WriteAllLines(Texts, SampleCorpus.Unlabelled(1).Take(150).SelectMany(text => new[] { text, "" }));
            File.WriteAllLines(Labelled, SampleCorpus.Labelled(1, 160).Select(s => $"{s.Text}\t{s.Label}\t{s.Domain}").Prepend("sentence\tlabel\tdomain"));
            var run = CliRun.Of((PretrainRun)Pretrainer.Run, CancellationToken.None, "pretrain", "--data", Texts, "--out", Folder, "--vocabulary", "300", "--layers", "4",
                "--width", "32", "--heads", "4", "--ffn", "64", "--length", "24", "--batch", "4", "--steps", "6", "--json", "--threads", "1");
            Assert.Equal(0, run.Code);
            Assert.Equal(6, (int?)JsonNode.Parse(run.Out)!["steps"]);
        }

        private string Root { get; } = Directory.CreateTempSubdirectory("fedspine-tiny-").FullName;

        public string Folder => Path.Combine(Root, "encoder");

        public string Texts => Path.Combine(Root, "texts.txt");

        public string Labelled => Path.Combine(Root, "labelled.tsv");

        public void Dispose() => Directory.Delete(Root, recursive: true);
    }

    private CliRun Simulate(string folder, CancellationToken cancel, params string[] more) => CliRun.Of(Simulator.Run, cancel, ["simulate", "--model", _encoder.Folder,
        "--data", _encoder.Labelled, "--out", folder, "--devices", "3", "--participation", "0.7", "--rounds", "3", "--local-steps", "4", "--prune-interval", "2",
        "--target-sparsity", "0.25", "--rank", "4", "--batch", "4", "--length", "24", "--seed", "3", .. more]);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>rounds.jsonl without what depends on the machine.</summary>
    private static string Rounds(string folder) => string.Join('\n', File.ReadLines(new RunFolder(folder).Rounds).Select(line =>
    {
        var round = JsonNode.Parse(line)!.AsObject();
        round.Remove("wallSeconds");
        return round.ToJsonString();
    }));

    [Fact]
    public void A_run_leaves_its_folder_and_repeats_for_any_number_of_threads()
    {
        string one = Path.Combine(_root, "one"), two = Path.Combine(_root, "two");
        var run = Simulate(one, Token, "--threads", "1", "--json");
        Assert.Equal(0, run.Code);
        var summary = JsonNode.Parse(run.Out)!;
        Assert.Equal((3, 3, 3), ((int?)summary["rounds"], (int?)summary["devices"], (int?)summary["seed"]));
        Assert.InRange((double)summary["sparsity"]!, 0.2, 0.3);
        Assert.InRange((double)summary["accuracy"]!, 0, 1);
        foreach (string file in new[] { "summary.json", "rounds.jsonl", "devices.jsonl", "config.json", "report.html" })
            Assert.True(File.Exists(Path.Combine(one, file)), file);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(one, "models"), "model.safetensors", SearchOption.AllDirectories));

        Assert.Equal(0, Simulate(two, Token, "--threads", "2").Code);
        Assert.Equal(Rounds(one), Rounds(two));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_stopped_run_resumes_to_the_same_rounds(int after)
    {
        string whole = Path.Combine(_root, "whole"), stopped = Path.Combine(_root, "stopped");
        Assert.Equal(0, Simulate(whole, Token).Code);

        using var source = new CancellationTokenSource();
        var run = CliRun.Of((options, folder, resume, threads, progress, cancel) => Simulator.Run(options, folder, resume, threads,
            new StopAfter(progress, after, source), cancel), source.Token, ["simulate", "--config", Path.Combine(whole, "config.json"), "--out", stopped]);
        Assert.Equal(130, run.Code);
        Assert.EndsWith($"continue with: fedspine simulate --resume {stopped}", run.Line);

        Assert.Equal(0, CliRun.Of(Simulator.Run, Token, "simulate", "--resume", stopped).Code);
        Assert.Equal(Rounds(whole), Rounds(stopped));
    }

    [Fact]
    public void A_run_stopped_before_its_first_checkpoint_resumes_from_the_start()
    {
        string whole = Path.Combine(_root, "whole"), stopped = Path.Combine(_root, "stopped");
        Assert.Equal(0, Simulate(whole, Token).Code);
        RunFolderWriter.Create(stopped, SimulationConfig.Read(Path.Combine(whole, "config.json")));
        Assert.Equal(0, CliRun.Of(Simulator.Run, Token, "simulate", "--resume", stopped).Code);
        Assert.Equal(Rounds(whole), Rounds(stopped));
    }

    /// <summary>Cancels once a number of rounds is done.</summary>
    private sealed class StopAfter(ISimulationProgress inner, int rounds, CancellationTokenSource source) : ISimulationProgress
    {
        public void Phase(string name, int count)
        {
            inner.Phase(name, count);
            if (rounds == 0 && name == "federating")
                source.Cancel();
        }

        public void DeviceFinished(int round, int finished, int participants) => inner.DeviceFinished(round, finished, participants);

        public void RoundFinished(RoundRecord round)
        {
            inner.RoundFinished(round);
            if (round.Round == rounds)
                source.Cancel();
        }

        public void Note(string message) => inner.Note(message);
    }
}
