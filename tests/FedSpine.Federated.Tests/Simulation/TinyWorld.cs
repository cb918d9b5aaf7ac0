using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Sample;
using FedSpine.Federated.Simulation;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Tests.Simulation;

/// <summary>A folder with an encoder and a decoder of six narrow layers, labelled and plain text: a whole simulation takes a second.</summary>
public sealed class TinyWorld : IDisposable
{
    public TinyWorld()
    {
        Directory.CreateDirectory(Root);
        using var backend = HostBackend.Create(1);
        string[] texts = [.. SampleCorpus.Unlabelled(1).Take(300)];
        foreach (var (name, objective) in new[] { ("encoder", ModelHead.MaskedLm), ("decoder", ModelHead.CausalLm) })
        {
            var options = new PretrainOptions
            {
                Objective = objective, Vocabulary = 400, Layers = 6, Width = 16, Heads = 4, KeyValueHeads = 2, FfnWidth = 32, Length = 48, Batch = 8, Steps = 4,
            };
            Pretrainer.Run(backend, options, texts, Path.Combine(Root, name), resume: false, new Silent(), CancellationToken.None);
        }

        File.WriteAllLines(Labelled, ["text\tlabel\tdomain", .. SampleCorpus.Labelled(1, 240).Select(s => $"{s.Text}\t{s.Label}\t{s.Domain}")]);
        File.WriteAllText(Plain, string.Join("\n\n", texts));
    }

    public string Root { get; } = Path.Combine(Path.GetTempPath(), $"fedspine-{Environment.ProcessId}-{Interlocked.Increment(ref _number)}");

    private static int _number;

    public string Labelled => Path.Combine(Root, "labelled.tsv");

    public string Plain => Path.Combine(Root, "plain.txt");

    public SimulationOptions Classification => new()
    {
        Model = Path.Combine(Root, "encoder"),
        Data = Labelled,
        Devices = 4,
        Participation = 0.5,
        Rounds = 4,
        LocalSteps = 4,
        PruneInterval = 2,
        Batch = 4,
        Length = 24,
        Rank = 4,
        MinRank = 1,
        EvaluateExamples = 8,
        LearningRate = 1e-3,
    };

    public SimulationOptions CausalLm => Classification with
    {
        Model = Path.Combine(Root, "decoder"), Data = Plain, Task = TaskKind.CausalLm, TargetSparsity = 0.3,
    };

    public string NewFolder() => Path.Combine(Root, $"run-{Interlocked.Increment(ref _number)}");

    /// <summary>Runs to the end; returns the folder.</summary>
    public (string Folder, RunSummary Summary) Run(SimulationOptions options, int threads = 1)
    {
        string folder = NewFolder();
        return (folder, Simulator.Run(options, folder, resume: false, new(threads), new Silent(), CancellationToken.None));
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    internal class Silent : ISimulationProgress, IPretrainProgress
    {
        public virtual void Phase(string name, int rounds) { }

        public virtual void DeviceFinished(int round, int finished, int participants) { }

        public virtual void RoundFinished(RoundRecord round) { }

        public void Note(string message) { }

        public void Step(int step, int steps, double loss, double tokensPerSecond) { }

        public void HeldOut(int step, double loss) { }
    }
}
