using FedSpine.Cli.Display;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Simulation;
using FedSpine.Federated.Tests.Reporting;
using Spectre.Console;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>The moving lines at every stage of a run: within the terminal's width, and saying where the run is.</summary>
public class LiveDisplayTests
{
    private static string[] Plain(LiveSimulationProgress progress, int width)
    {
        string[] lines = [.. progress.Lines(width).Select(Markup.Remove)];
        Assert.All(lines, line => Assert.InRange(line.Length, 1, width));
        return lines;
    }

    [Theory]
    [InlineData(TaskKind.Classification)]
    [InlineData(TaskKind.CausalLm)]
    public void A_run_is_followed_in_eighty_columns(TaskKind task)
    {
        var run = new SyntheticRun { Task = task, Rounds = 120 }.Build();
        using var source = new CancellationTokenSource();
        var progress = new LiveSimulationProgress(run.Options, source.Token);
        progress.Phase("loading", 120);
        Assert.Contains("loading", Plain(progress, 80)[0]);
        progress.Phase("federating", 120);
        Assert.Contains("round 1 of 120", Plain(progress, 80)[0]);
        foreach (var round in run.Rounds)
        {
            progress.DeviceFinished(round.Round, 2, 4);
            Assert.Contains($"round {round.Round} of 120", Plain(progress, 80)[0]);
            progress.RoundFinished(round);
            Assert.Contains("mean ratio", Plain(progress, 80)[1]);
        }

        Assert.Contains(task == TaskKind.CausalLm ? "perplexity" : "accuracy", Plain(progress, 80)[1]);
        progress.Phase("final evaluation", 120);
        Assert.Contains("final evaluation", Plain(progress, 80)[0]);
        source.Cancel();
        Assert.Contains("stopping", Plain(progress, 80)[0]);
    }

    [Fact]
    public void Notes_are_shown_once_and_as_they_are()
    {
        var progress = new LiveSimulationProgress(new SimulationOptions(), CancellationToken.None);
        progress.Note("[red] is not a colour here");
        Assert.Equal("[red] is not a colour here", Markup.Remove(Assert.Single(progress.TakeNotes())));
        Assert.Empty(progress.TakeNotes());
    }

    [Theory]
    [InlineData(7, "0:07")]
    [InlineData(754, "12:34")]
    [InlineData(3723, "1:02:03")]
    public void Times_read_as_clocks_do(double seconds, string expected) => Assert.Equal(expected, Eta.Text(TimeSpan.FromSeconds(seconds)));
}
