using FedSpine.Engine.Tests.Text;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Training;

public sealed class PretrainerTests : IDisposable
{
    private static readonly PretrainOptions Options = new()
    {
        Vocabulary = 300, Layers = 2, Width = 16, Heads = 2, FfnWidth = 32, Length = 16, Batch = 4, Steps = 8, Seed = 3,
    };

    private static readonly string[] Texts = [.. Enumerable.Range(0, 120).Select(i => $"the cat number {i} sat on the mat and looked at {i * 7 % 11} rats")];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stopped_run_goes_on_to_the_same_bits()
    {
        string whole = Path.Combine(_folder.Path, "whole"), stopped = Path.Combine(_folder.Path, "stopped");
        var watched = new Progress();
        var result = Run(Options, whole, resume: false, watched);
        Assert.Equal(8, result.Steps);
        Assert.False(Directory.Exists(Path.Combine(whole, "checkpoint")));

        Assert.Equal(3, Run(Options, stopped, resume: false, new Progress { StopAfter = 3 }).Steps);
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(whole, "model.safetensors")), File.ReadAllBytes(Path.Combine(stopped, "model.safetensors")));
        var continued = new Progress();
        Assert.Equal(result.HeldOutLoss, Run(Options, stopped, resume: true, continued).HeldOutLoss);
        Assert.Equal(watched.Losses[3..], continued.Losses);
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole, "model.safetensors")), File.ReadAllBytes(Path.Combine(stopped, "model.safetensors")));
        Assert.False(Directory.Exists(Path.Combine(stopped, "checkpoint")));
        Assert.EndsWith("the run is complete", Assert.Throws<InputException>(() => Run(Options, stopped, resume: true, new Progress())).Message);
    }

    [Fact]
    public void A_run_goes_on_from_a_model_that_exists()
    {
        string first = Path.Combine(_folder.Path, "first"), second = Path.Combine(_folder.Path, "second");
        Run(Options, first, resume: false, new Progress());
        var result = Run(new PretrainOptions { Model = first, Length = 16, Batch = 4, Steps = 1, LearningRate = 1e-20 }, second, resume: false, new Progress());
        Assert.Equal(1, result.Steps);
        Assert.Equal(File.ReadAllBytes(Path.Combine(first, "model.safetensors")), File.ReadAllBytes(Path.Combine(second, "model.safetensors")));
        Assert.Equal(File.ReadAllText(Path.Combine(first, "vocab.json")), File.ReadAllText(Path.Combine(second, "vocab.json")));
    }

    [Fact]
    public void A_checkpoint_of_another_model_is_named()
    {
        string folder = Path.Combine(_folder.Path, "model");
        Run(Options, folder, resume: false, new Progress { StopAfter = 2 });
        string message = Assert.Throws<InputException>(() => Run(Options with { Width = 32 }, folder, resume: true, new Progress())).Message;
        Assert.Equal($"{Path.Combine(folder, "checkpoint", "step-00000002.json")}: is not a checkpoint of this run", message);
    }

    private static PretrainResult Run(PretrainOptions options, string folder, bool resume, Progress progress)
    {
        using var backend = HostBackend.Create(1);
        return Pretrainer.Run(backend, options, Texts, folder, resume, progress, progress.Cancel.Token);
    }

    private sealed class Progress : IPretrainProgress
    {
        public CancellationTokenSource Cancel { get; } = new();

        public int StopAfter { get; init; } = int.MaxValue;

        public List<double> Losses { get; } = [];

        public void Note(string message) { }

        public void Step(int step, int steps, double loss, double tokensPerSecond)
        {
            Losses.Add(loss);
            if (step == StopAfter)
                Cancel.Cancel();
        }

        public void HeldOut(int step, double loss) { }
    }
}
