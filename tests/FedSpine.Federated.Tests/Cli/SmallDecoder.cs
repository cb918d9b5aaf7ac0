using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Tests.Cli;

/// <summary>A folder with a decoder of four layers that has seen a little text, and one with an adapter for it.</summary>
public sealed class SmallDecoder : IPretrainProgress, IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fedspine-decoder-").FullName;

    public SmallDecoder()
    {
        using var backend = HostBackend.Create(1);
        var options = new PretrainOptions
        {
            Objective = ModelHead.CausalLm, Vocabulary = 300, Layers = 4, Width = 16, Heads = 4, KeyValueHeads = 2, FfnWidth = 32, Length = 64, Steps = 5, Batch = 4,
        };
        Pretrainer.Run(backend, options, [.. Enumerable.Repeat("the cat sat on the mat and looked at the rat", 60)], Model, resume: false, this, default);
        using var model = ModelFolder.Load(backend, Model, new LoadOptions
        {
            Trainable = Trainable.Adapter, Lora = new LoraSpec(4, 8, [LinearRole.Value, LinearRole.Down]), Seed = 3,
        }).Model;
        foreach (var factor in model.Layers.Select(l => l.Down.B!))
            backend.Upload<float>(factor.Value, [.. Enumerable.Range(0, factor.Length).Select(i => i % 5 - 2f)]);
        PeftAdapter.Save(model, Adapter, Model);
    }

    public string Model => Path.Combine(_root, "model");

    public string Adapter => Path.Combine(_root, "adapter");

    /// <summary>A path for a file of a test's own.</summary>
    public string NewFile(string name) => Path.Combine(Directory.CreateDirectory(Path.Combine(_root, Path.GetRandomFileName())).FullName, name);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    void IPretrainProgress.Note(string message) { }

    void IPretrainProgress.Step(int step, int steps, double loss, double tokensPerSecond) { }

    void IPretrainProgress.HeldOut(int step, double loss) { }
}
