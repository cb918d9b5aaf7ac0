using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Training;

/// <summary>Recomputing changes what a step keeps, and nothing else.</summary>
public sealed class RecomputeTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public static IEnumerable<TheoryDataRow<ModelFamily, ModelHead, Trainable>> Kinds =>
    [
        new(ModelFamily.Roberta, ModelHead.SequenceClassification, Trainable.Adapter),
        new(ModelFamily.Roberta, ModelHead.MaskedLm, Trainable.All),
        new(ModelFamily.Bert, ModelHead.SequenceClassification, Trainable.All),
        new(ModelFamily.Llama, ModelHead.CausalLm, Trainable.Adapter),
        new(ModelFamily.Llama, ModelHead.SequenceClassification, Trainable.All),
    ];

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Weights_after_steps_are_the_same_bits(ModelFamily family, ModelHead head, Trainable trainable)
    {
        float[] Train(Recompute mode, float dropout)
        {
            var spec = Deep(family, head);
            using var model = TinyModels.Random(_backend, spec, trainable, TinyModels.Lora);
            var batch = TinyModels.Batch(spec, 3, 20, 9, 1, 17);
            using var trainer = new Trainer(model, new TrainingOptions { Dropout = dropout, Recompute = mode }, batch.B, batch.T);
            for (int i = 0; i < 2; i++)
                Assert.True(trainer.Step(batch).Applied);
            return _backend.Read(model.TrainableValues);
        }

        foreach (float dropout in (float[])[0, 0.1f])
        {
            var expected = Train(Recompute.None, dropout);
            Assert.Equal(expected, Train(Recompute.Attention, dropout));
            Assert.Equal(expected, Train(Recompute.Full, dropout));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_mode_keeps_less_and_works_more(ModelFamily family, ModelHead head, Trainable trainable)
    {
        var spec = Deep(family, head, layers: 12);
        var costs = Enum.GetValues<Recompute>().Select(mode => StepCost.Training(spec, trainable, TinyModels.Lora, 4, 64, 0.1f, mode)).ToArray();
        Assert.True(costs[1].ActivationBytes < 0.85 * costs[0].ActivationBytes, $"{costs[1].ActivationBytes} and {costs[0].ActivationBytes} bytes");
        Assert.True(costs[2].ActivationBytes < 0.5 * costs[0].ActivationBytes, $"{costs[2].ActivationBytes} and {costs[0].ActivationBytes} bytes");
        Assert.True(costs[0].Flops < costs[1].Flops && costs[1].Flops < costs[2].Flops && costs[2].Flops < 1.34 * costs[0].Flops);
        Assert.All(costs, c => Assert.Equal(costs[0].ModelBytes, c.ModelBytes));

        // One more layer costs little more than its input (B*T, W), a norm's statistics and x A^T of its down projection.
        var deeper = StepCost.Training(Deep(family, head, layers: 13), trainable, TinyModels.Lora, 4, 64, 0.1f, Recompute.Full);
        Assert.InRange(deeper.ActivationBytes - costs[2].ActivationBytes, 1, 4 * 64 * (spec.Width + 16) * sizeof(float));
    }

    [Theory]
    [InlineData(Recompute.Attention)]
    [InlineData(Recompute.Full)]
    public void Observers_see_every_layer_once(Recompute mode)
    {
        foreach (var spec in (ModelSpec[])[Deep(ModelFamily.Roberta, ModelHead.SequenceClassification), Deep(ModelFamily.Llama, ModelHead.CausalLm)])
        {
            using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
            var batch = TinyModels.Batch(spec, 3, 20, 9);
            var (kept, again) = (new Recorder(), new Recorder());
            using (var trainer = new Trainer(model, new TrainingOptions(), batch.B, batch.T))
                trainer.ComputeGradients([batch], kept);
            using (var trainer = new Trainer(model, new TrainingOptions { Recompute = mode }, batch.B, batch.T))
                trainer.ComputeGradients([batch], again);
            Assert.Equal(3 * spec.Layers.Count, kept.Seen.Count);
            Assert.Equal(kept.Seen, again.Seen);
        }
    }

    [Theory]
    [InlineData(Recompute.Attention)]
    [InlineData(Recompute.Full)]
    public void A_step_allocates_nothing_managed(Recompute mode)
    {
        foreach (var spec in (ModelSpec[])[Deep(ModelFamily.Roberta, ModelHead.SequenceClassification), Deep(ModelFamily.Llama, ModelHead.CausalLm)])
        {
            using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
            var batch = TinyModels.Batch(spec, 3, 20, 9);
            using var trainer = new Trainer(model, new TrainingOptions { Dropout = 0.1f, Recompute = mode }, batch.B, batch.T);
            trainer.Step(batch);
            trainer.Step(batch);
            Assert.Equal(0, ManagedBytes.Least(() => trainer.Step(batch)));
        }
    }

    private static ModelSpec Deep(ModelFamily family, ModelHead head, int layers = 4)
    {
        var spec = (family switch
        {
            ModelFamily.Roberta => TinyModels.Roberta(head),
            ModelFamily.Bert => TinyModels.Bert(head),
            _ => TinyModels.Llama(head),
        }).Widened(layers: layers);
        return spec with { Layers = [.. spec.Layers.Select(l => l with { FfnWidth = 4 * spec.Width })] };
    }

    /// <summary>What was shown, in order, with its bits.</summary>
    private sealed class Recorder : IStepObserver
    {
        public List<(string Call, int Layer, float Sum)> Seen { get; } = [];

        public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h,
            SequenceRows rows) => Add(backend, "forward", layer, o, h);

        public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh,
            SequenceRows rows) => Add(backend, "ffn", layer, h, dh);

        public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o,
            SequenceRows rows) => Add(backend, "attention", layer, o, d_o);

        public void OnGradients(IComputeBackend backend, Workspace workspace, Model model) { }

        private void Add(IComputeBackend backend, string call, int layer, DeviceSpan<float> x, DeviceSpan<float> dx)
        {
            if (backend is not RecordingBackend)
                Seen.Add((call, layer, backend.Read(x).Sum() + backend.Read(dx).Sum()));
        }
    }
}
