using FedSpine.Engine;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

public sealed class RecordedResponseTests(TinyWorld world) : IClassFixture<TinyWorld>
{
    [Fact]
    public void Devices_answer_as_those_of_the_recorded_run()
    {
        var run = new RunFolder(world.Run(world.Classification with { Reference = false, Policy = "random", Devices = 8, Participation = 1, Rounds = 8, LocalSteps = 4, PruneInterval = 1 }).Folder);
        var response = new RecordedResponse([run]);
        var plays = RunFolderReader.ReadRounds(run).SelectMany(r => r.Participants).ToList();
        Assert.Equal(plays.Count, response.PlayCount);
        Assert.All(plays, p =>
        {
            var arm = new Arm(p.RatioReached, p.Rank);
            Assert.InRange(response.Bytes(arm), 0.8 * (p.BytesDown + p.BytesUp), 1.25 * (p.BytesDown + p.BytesUp));
            Assert.InRange(response.Flops(arm, p.RatioBefore), 0.7e12 * p.TrainingTflop, 1.4e12 * p.TrainingTflop);
        });
        // Nearly without bias over what was recorded: a regression with a constant and little ridge.
        double bias = RunFolderReader.ReadRounds(run).SelectMany(r => r.Participants.Select(p =>
            (p.LossBefore - p.LossAfter) / p.LossBefore - response.Of(new Arm(p.RatioReached, p.Rank), p.RatioBefore, (r.Round - 1) / 8.0).LossDecrease)).Average();
        Assert.InRange(Math.Abs(bias), 0, 0.05 * response.LossNoise);
        Assert.True(response.NormNoise > 0);
        var space = response.Space with { Devices = 12, Rounds = 10 };
        var play = new SyntheticFleet(space, "jetson", 1, 1, response).Play(worth => PolicyFactory.Create("structured-ucb", space, worth), withRegret: true);
        Assert.Equal(space.TargetRatio, play.MeanRatio, 1e-9);
        Assert.All(play.Regret, r => Assert.True(double.IsFinite(r) && r >= 0));
    }

    [Fact]
    public void Runs_that_say_nothing_or_differ_are_refused()
    {
        Assert.Equal("no recorded run was found", Assert.Throws<InputException>(() => new RecordedResponse([])).Message);
        RunFolder Run(SimulationOptions options) => new(world.Run(options with { Reference = false, Rounds = 1 }).Folder);
        var small = Run(world.Classification);
        Assert.StartsWith("the recorded runs hold ", Assert.Throws<InputException>(() => new RecordedResponse([small])).Message);
        Assert.Equal("the recorded runs have different target sparsities or ranks",
            Assert.Throws<InputException>(() => new RecordedResponse([small, Run(world.Classification with { TargetSparsity = 0.3 })])).Message);
    }
}
