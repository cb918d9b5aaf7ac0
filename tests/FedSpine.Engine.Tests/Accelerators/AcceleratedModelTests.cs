using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Ilgpu;

namespace FedSpine.Engine.Tests.Accelerators;

/// <summary>Whole models on accelerators against the host: training with scoring, a pruning event, decoding.</summary>
[Collection(nameof(Kernels.Tests.Ilgpu.Accelerators))]
public sealed class AcceleratedModelTests
{
    public static TheoryData<string, bool> Devices => new(from id in Kernels.Tests.Ilgpu.Accelerators.Ids from decoder in new[] { true, false } select (id.Data, decoder));

    /// <summary>What a short run leaves behind.</summary>
    private sealed record Trace(double[] Losses, float[] Gradients, KeptGroups[] Kept, double PrunedLoss);

    [Theory, MemberData(nameof(Devices))]
    public void TrainingScoringAndPruningFollowTheHost(string id, bool decoder)
    {
        using var host = HostBackend.Create(1);
        var expected = Train(host, decoder);
        var actual = Train(Kernels.Tests.Ilgpu.Accelerators.Open(id), decoder);
        Assert.Equal(expected.Losses, actual.Losses, (a, b) => Math.Abs(a - b) <= 1e-4 * Math.Abs(a));
        Assert.True(Compare.Frobenius(actual.Gradients, expected.Gradients) < 1e-4);
        Assert.Equivalent(expected.Kept, actual.Kept, strict: true);
        Assert.Equal(expected.PrunedLoss, actual.PrunedLoss, 1e-4 * expected.PrunedLoss);
    }

    [Theory, MemberData(nameof(Kernels.Tests.Ilgpu.Accelerators.Ids), MemberType = typeof(Kernels.Tests.Ilgpu.Accelerators))]
    public void TwentyTokensAreTheHosts(string id)
    {
        using var host = HostBackend.Create(1);
        Assert.Equal(Decode(host), Decode(Kernels.Tests.Ilgpu.Accelerators.Open(id)));

        static int[] Decode(IComputeBackend backend)
        {
            using var model = TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.None);
            using var decoder = new Decoder(model, 1, 26);
            var logits = new float[model.Spec.VocabularySize];
            decoder.Prefill(0, [3, 9, 4, 17, 5], logits);
            var tokens = new int[20];
            for (int i = 0; i < tokens.Length; i++)
            {
                tokens[i] = Array.IndexOf(logits, logits.Max());
                decoder.Step([tokens[i]], logits);
            }

            return tokens;
        }
    }

    [Theory]
    [InlineData("opencl")]
    [InlineData("cuda")]
    public void ATrainedModelTellsTheSameStory(string id)
    {
        string folder = Golden.Shared("models", "stories260K");
        using var host = HostBackend.Create(1);
        var backend = Kernels.Tests.Ilgpu.Accelerators.Open(id);
        Assert.Equal(Tell(host), Tell(backend));

        string Tell(IComputeBackend device)
        {
            using var model = ModelFolder.Load(device, folder).Model;
            using var generator = new TextGenerator(model, TextTokenizer.Load(folder), 64);
            return generator.Generate("Once upon a time", new GenerationOptions { Temperature = 0, MaxTokens = 20 }, TestContext.Current.CancellationToken).Text;
        }
    }

    private static Trace Train(IComputeBackend backend, bool decoder)
    {
        var spec = (decoder ? TinyModels.Llama(ModelHead.CausalLm) : TinyModels.Roberta(ModelHead.SequenceClassification)) with
        {
            Layers = [.. Enumerable.Repeat(new LayerSpec(2, decoder ? 1 : 2, 4, 16), 4)],
        };
        using var model = TinyModels.Random(backend, spec, Trainable.Adapter, TinyModels.Lora);
        var batch = TinyModels.Batch(spec, 7, 5, 2);
        using var scorer = new ImportanceScorer(new TaylorCriterion(), model);
        using var trainer = new Trainer(model, new TrainingOptions { LearningRate = 1e-3f, Dropout = 0.1f }, 2, 5);
        trainer.ComputeGradients([batch]);
        var gradients = backend.Read(model.TrainableGradients);
        double[] losses = [trainer.Step(batch, scorer).Loss, trainer.Step(batch, scorer).Loss, trainer.Step(batch, scorer).Loss];
        var kept = GlobalRanking.Select(model, scorer.Costs(), 0.15);
        using var pruned = ModelSurgery.Prune(model, kept);
        using var after = new Trainer(pruned, new TrainingOptions(), 2, 5);
        return new Trace(losses, gradients, [.. kept], after.Evaluate(batch).Loss);
    }
}
