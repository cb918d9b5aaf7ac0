using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Models;

/// <summary>What must hold for any model: padding changes nothing, and freezing only leaves gradients out.</summary>
public sealed class PassProperties : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public static TheoryData<ModelFamily, ModelHead> Models =>
        new()
        {
            { ModelFamily.Roberta, ModelHead.SequenceClassification }, { ModelFamily.Roberta, ModelHead.MaskedLm },
            { ModelFamily.Bert, ModelHead.SequenceClassification }, { ModelFamily.Bert, ModelHead.MaskedLm },
            { ModelFamily.Llama, ModelHead.SequenceClassification }, { ModelFamily.Llama, ModelHead.CausalLm },
        };

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Models))]
    public void An_example_has_the_same_logits_alone_and_padded(ModelFamily family, ModelHead head)
    {
        var spec = Spec(family, head);
        using var model = TinyModels.Random(_backend, spec, Trainable.None, TinyModels.Lora);
        int[] lengths = [3, 11, 1, 7];
        var batch = TinyModels.Batch(spec, 3, lengths);
        using var inference = new Inference(model, batch.B, batch.T);
        var together = inference.Logits(batch);
        int C = inference.LogitColumns;
        for (int b = 0; b < batch.B; b++)
        {
            var alone = new Batch(1, lengths[b]) { B = 1, T = lengths[b] };
            alone.Lengths[0] = lengths[b];
            batch.Ids.AsSpan(b * batch.T, lengths[b]).CopyTo(alone.Ids);
            batch.Types.AsSpan(b * batch.T, lengths[b]).CopyTo(alone.Types);
            int start = head == ModelHead.SequenceClassification ? b * C : b * batch.T * C;
            var expected = inference.Logits(alone);
            Assert.True(Compare.Frobenius(together.AsSpan(start, expected.Length), expected) < 1e-5, $"example {b}");
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Adapter_training_has_the_gradients_of_full_training(ModelFamily family, ModelHead head)
    {
        var spec = Spec(family, head);
        var batch = TinyModels.Batch(spec, 3, 4, 9);
        // Without factors on q, k and v the lowest layer also exercises what is not formed.
        var lora = new LoraSpec(2, 4, [LinearRole.Output, LinearRole.Down]);
        using var full = TinyModels.Random(_backend, spec, Trainable.All, lora);
        using var adapter = TinyModels.Random(_backend, spec, Trainable.Adapter, lora);
        using var fullTrainer = new Trainer(full, new TrainingOptions(), batch.B, batch.T);
        using var adapterTrainer = new Trainer(adapter, new TrainingOptions(), batch.B, batch.T);
        var whole = fullTrainer.ComputeGradients([batch]);
        var part = adapterTrainer.ComputeGradients([batch]);
        Assert.Equal(whole.Loss, part.Loss);
        Assert.True(part.Flops < whole.Flops);
        Assert.True(adapterTrainer.ActivationBytes <= fullTrainer.ActivationBytes);
        foreach (var parameter in adapter.Parameters.Where(p => p.Trainable))
            Assert.True(Compare.Frobenius(_backend.Read(parameter.Gradient), _backend.Read(full.Named(parameter.Name).Gradient)) < 1e-5, parameter.Name);
    }

    [Fact]
    public void A_classifier_alone_trains_without_a_backward_pass_through_the_blocks()
    {
        var spec = TinyModels.Roberta(ModelHead.SequenceClassification);
        var batch = TinyModels.Batch(spec, 3, 4, 9);
        using var full = TinyModels.Random(_backend, spec, Trainable.All);
        using var head = TinyModels.Random(_backend, spec, Trainable.Adapter);
        using var fullTrainer = new Trainer(full, new TrainingOptions(), batch.B, batch.T);
        using var headTrainer = new Trainer(head, new TrainingOptions(), batch.B, batch.T);
        fullTrainer.ComputeGradients([batch]);
        var result = headTrainer.ComputeGradients([batch]);
        var forward = StepCost.Inference(spec, null, batch.B, batch.T);
        Assert.True(result.Flops < 1.5 * forward.Flops);
        foreach (var parameter in head.Parameters.Where(p => p.Trainable))
            Assert.True(Compare.Frobenius(_backend.Read(parameter.Gradient), _backend.Read(full.Named(parameter.Name).Gradient)) < 1e-5, parameter.Name);
    }

    [Fact]
    public void Nothing_trainable_is_an_input_error()
    {
        using var model = TinyModels.Random(_backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.Adapter);
        var error = Assert.Throws<InputException>(() => new Trainer(model, new TrainingOptions(), 1, 4));
        Assert.Contains("nothing to train", error.Message);
    }

    [Fact]
    public void Sequences_beyond_the_positions_are_an_input_error()
    {
        using var model = TinyModels.Random(_backend, TinyModels.Roberta(ModelHead.MaskedLm), Trainable.None);
        Assert.Equal("sequences of 13 tokens: the model's positions allow 12", Assert.Throws<InputException>(() => new Inference(model, 1, 13)).Message);
    }

    [Fact]
    public void A_decoder_whose_gate_is_not_silu_is_an_input_error()
    {
        var spec = TinyModels.Llama(ModelHead.CausalLm) with { Activation = Activation.Gelu };
        using var model = TinyModels.Random(_backend, spec, Trainable.None);
        Assert.Contains("Gelu gate", Assert.Throws<InputException>(() => new Inference(model, 1, 4)).Message);
    }

    [Fact]
    public void A_batch_beyond_the_plan_is_refused_with_both_sizes()
    {
        using var model = TinyModels.Random(_backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.None);
        using var inference = new Inference(model, 1, 4);
        Assert.Contains("1 x 5 tokens; the plan is for 1 x 1 to 1 x 4", Assert.Throws<ArgumentException>(() => inference.Logits(new Batch(1, 5) { B = 1, T = 5 })).Message);
    }

    private static ModelSpec Spec(ModelFamily family, ModelHead head) => family switch
    {
        ModelFamily.Roberta => TinyModels.Roberta(head),
        ModelFamily.Bert => TinyModels.Bert(head),
        _ => TinyModels.Llama(head),
    };
}
