using System.Text.RegularExpressions;
using System.Xml.Linq;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Reporting;

/// <summary>The report stands alone, draws only finite numbers and survives every odd run.</summary>
public partial class ReportPageTests
{
    public static TheoryData<string> Cases { get; } = [.. Runs.Keys];

    private static Dictionary<string, SyntheticRun> Runs => new()
    {
        ["eight devices"] = new(),
        ["eighty devices"] = new() { Devices = 80, Rounds = 30, Participation = 0.25, Layers = 12 },
        ["causal LM"] = new() { Task = TaskKind.CausalLm },
        ["one device, one round"] = new() { Devices = 1, Rounds = 1, Participation = 1, Layers = 1 },
        ["no reference, no arms"] = new() { Reference = false, Arms = false },
        ["never evaluated"] = new() { Evaluated = false, Reference = false },
        ["more classes than colours"] = new() { Devices = 20, Classes = [.. Enumerable.Range(0, 10).Select(i => $"class {i}")] },
        ["no rounds"] = new() { Rounds = 1 },
        ["markup in names"] = new() { Classes = ["<script>alert(1)</script>", "a & \"b\" 'c'"], Domain = "</td><img src=x>" },
    };

    private static RunReport Build(string name)
    {
        var run = Runs[name].Build();
        return name == "no rounds" ? new RunReport(run.Options, run.Summary, [], []) : run;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pictures_are_well_formed_and_finite(string name)
    {
        string html = ReportPage.Render(Build(name));
        var pictures = Picture().Matches(html);
        Assert.True(name == "no rounds" || pictures.Count >= 8);
        foreach (Match picture in pictures)
        {
            var svg = XElement.Parse(picture.Value);
            foreach (var attribute in svg.DescendantsAndSelf().Attributes())
                Assert.DoesNotMatch("NaN|Infinity|∞", attribute.Value);
        }

        Assert.DoesNotMatch(@"NaN|Infinity|∞", html);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Nothing_is_asked_of_a_network(string name)
    {
        string html = ReportPage.Render(Build(name));
        Assert.DoesNotMatch(@"https?:|//[a-z]+\.|<link|@import|<iframe|<img", html);
        Assert.DoesNotMatch("<[a-z](?:[^>\"]|\"[^\"]*\")*\\s(src|href)=", html);
        Assert.DoesNotMatch(@"url\((?!#)", html);
    }

    [Fact]
    public void Names_are_escaped()
    {
        string html = ReportPage.Render(Build("markup in names"));
        Assert.DoesNotContain("<script>alert", html);
        Assert.DoesNotContain("<img", html);
        Assert.Contains("&lt;script&gt;", html);
        Assert.Single(Regex.Matches(html, "<script>"));
    }

    [Fact]
    public void A_diverged_run_still_has_a_report()
    {
        var run = new SyntheticRun { Task = TaskKind.CausalLm }.Build();
        var rounds = run.Rounds.Select(r => r with
        {
            Perplexity = double.PositiveInfinity, AggregationError = double.NaN, RoundSeconds = r.Round == 3 ? double.NaN : r.RoundSeconds,
            Participants = [.. r.Participants.Select(p => p with { LossAfter = double.NaN, Reward = double.NaN })],
        }).ToList();
        var summary = run.Summary with { Perplexity = double.PositiveInfinity, InferenceTimeRatio = double.NaN, TargetAccuracy = double.NaN };
        string html = ReportPage.Render(new RunReport(run.Options, summary, rounds, run.Devices));
        Assert.DoesNotMatch("NaN|Infinity|∞", html);
    }

    [Fact]
    public void Every_participant_and_device_is_drawn()
    {
        var run = new SyntheticRun().Build();
        string html = ReportPage.Render(run);
        foreach (var round in run.Rounds)
        {
            foreach (var participant in round.Participants)
                Assert.Contains($"device {participant.Device} ({participant.Class}), round {round.Round}: rank {participant.Rank},", html);
            Assert.Contains($"round {round.Round}, device {round.SlowestDevice} ({run.ClassOf(round.SlowestDevice)}), the slowest:", html);
        }

        foreach (var device in run.Devices)
        {
            Assert.Contains($"device {device.Device} ({device.Class}): {Units.Percent(device.Sparsity)}", html);
            Assert.Contains($"device {device.Device}, {device.Class}</text>", html);
        }
    }

    [GeneratedRegex("<svg viewBox.*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Picture();
}
