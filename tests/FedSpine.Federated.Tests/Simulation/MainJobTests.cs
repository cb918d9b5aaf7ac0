using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

/// <summary>What <c>fedspine simulate</c> does without options, on the bundled encoder and sample: about a minute.</summary>
public class MainJobTests
{
    [Fact]
    public void The_bundled_sample_is_pruned_to_half_and_keeps_its_accuracy()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"fedspine-main-{Environment.ProcessId}");
        try
        {
            var summary = Simulator.Run(new SimulationOptions(), folder, resume: false, new(Threads: 0), new TinyWorld.Silent(), CancellationToken.None);
            Assert.InRange(summary.Sparsity, 0.495, 0.505);
            Assert.InRange(summary.AccuracyUnpruned!.Value, 0.88, 0.99);
            Assert.True(summary.Accuracy > summary.AccuracyUnpruned - 0.03, $"pruned {summary.Accuracy:P1}, unpruned {summary.AccuracyUnpruned:P1}");
            Assert.True(summary.TrainingFlopsRatio < 0.65);
            Assert.True(summary.VirtualSeconds < summary.VirtualSecondsUnpruned);
            Assert.True(File.Exists(new RunFolder(folder).Report));
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }
}
