using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using FedSpine.Kernels.Tests.Ilgpu;

namespace FedSpine.Federated.Tests.Simulation;

/// <summary>
/// Two federated rounds on an accelerator against the host. Sums are taken in another order there, so losses agree to a few digits
/// and not to the last, and two groups of nearly the same importance may change places: then a device keeps as much, but not the same.
/// What does not depend on that must agree: who plays, ratios and ranks, and how much travels.
/// </summary>
[Collection(nameof(Accelerators))]
public sealed class AcceleratedSimulatorTests(TinyWorld world) : IClassFixture<TinyWorld>
{
    [Theory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void Two_rounds_follow_the_host(string id)
    {
        var accelerator = Accelerators.Open(id);
        var options = world.Classification with { Rounds = 2, Devices = 2, Participation = 1, EvaluateEvery = 1, Reference = false };
        var expected = Run(options, new SimulationCompute(1));
        var actual = Run(options, new SimulationCompute(0, accelerator));

        Assert.Equal(expected.Rounds.Length, actual.Rounds.Length);
        foreach (var (e, a) in expected.Rounds.Zip(actual.Rounds))
        {
            Assert.Equal([.. e.Participants.Select(p => (p.Device, p.Rank))], a.Participants.Select(p => (p.Device, p.Rank)).ToArray());
            Assert.Equal(e.MeanSparsity, a.MeanSparsity, 0.02);
            Near(e.TestLoss!.Value, a.TestLoss!.Value, 0.01);
            Near(e.VirtualSeconds, a.VirtualSeconds, 0.02);
            foreach (var (pe, pa) in e.Participants.Zip(a.Participants))
            {
                Assert.Equal(pe.Ratio, pa.Ratio, 0.02);
                Near(pe.LossBefore, pa.LossBefore, 0.01);
                Near(pe.LossAfter, pa.LossAfter, 0.01);
                Near(pe.AdapterNorm, pa.AdapterNorm, 0.02);
            }
        }

        Near(expected.Summary.BytesUp, actual.Summary.BytesUp, 0.01);
        Near(expected.Summary.BytesDown, actual.Summary.BytesDown, 0.01);
        Near(expected.Summary.ParametersAfter, actual.Summary.ParametersAfter, 0.01);
    }

    private (RoundRecord[] Rounds, RunSummary Summary) Run(SimulationOptions options, SimulationCompute compute)
    {
        string folder = world.NewFolder();
        var summary = Simulator.Run(options, folder, resume: false, compute, new TinyWorld.Silent(), TestContext.Current.CancellationToken);
        return ([.. RunFolderReader.ReadRounds(new RunFolder(folder))], summary);
    }

    /// <summary>Equal to a share of the host's value.</summary>
    private static void Near(double expected, double actual, double share) => Assert.Equal(expected, actual, share * Math.Abs(expected));
}
