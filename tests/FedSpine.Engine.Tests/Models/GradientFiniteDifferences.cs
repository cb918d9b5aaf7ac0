using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Models;

/// <summary>
/// The gradient of every parameter against differences of the loss along two directions: the gradient itself (a missing or
/// misscaled term shows) and a random one (a wrong direction shows).
/// </summary>
public sealed class GradientFiniteDifferences : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void Roberta_masked_lm_tied() => Check(TinyModels.Roberta(ModelHead.MaskedLm), 5, 9, 2);

    [Fact]
    public void Roberta_masked_lm_untied() => Check(TinyModels.Roberta(ModelHead.MaskedLm, tied: false), 5, 9, 2);

    [Fact]
    public void Roberta_classification_with_dropout() => Check(TinyModels.Roberta(ModelHead.SequenceClassification), new TrainingOptions { Dropout = 0.2f }, 6, 11);

    [Fact]
    public void Bert_masked_lm() => Check(TinyModels.Bert(ModelHead.MaskedLm), 7, 4, 12);

    [Fact]
    public void Bert_classification_with_token_types() => Check(TinyModels.Bert(ModelHead.SequenceClassification), 8, 3);

    [Fact]
    public void Encoder_of_one_token() => Check(TinyModels.Bert(ModelHead.SequenceClassification), 1);

    [Fact]
    public void Encoder_with_silu() => Check(TinyModels.Bert(ModelHead.MaskedLm) with { Activation = Activation.Silu }, 6, 5);

    [Fact]
    public void Llama_causal_lm_tied() => Check(TinyModels.Llama(ModelHead.CausalLm), 9, 4, 1);

    [Fact]
    public void Llama_causal_lm_untied_with_dropout() => Check(TinyModels.Llama(ModelHead.CausalLm, tied: false), new TrainingOptions { Dropout = 0.1f }, 9, 4);

    [Fact]
    public void Llama_classification_with_attention_bias() => Check(TinyModels.Llama(ModelHead.SequenceClassification, attentionBias: true) with { AttentionOutputBias = true }, 7, 2, 5);

    [Fact]
    public void Llama_classification_of_one_token() => Check(TinyModels.Llama(ModelHead.SequenceClassification), 1, 1);

    private void Check(ModelSpec spec, params ReadOnlySpan<int> lengths) => Check(spec, new TrainingOptions(), lengths);

    private void Check(ModelSpec spec, TrainingOptions options, params ReadOnlySpan<int> lengths)
    {
        using var model = TinyModels.Random(_backend, spec, Trainable.All, TinyModels.Lora);
        var batch = TinyModels.Batch(spec, 5, lengths);
        using var trainer = new Trainer(model, options, batch.B, batch.T);
        trainer.ComputeGradients([batch]);
        var gradients = model.Parameters.Select(p => _backend.Read(p.Gradient)).ToArray();
        double total = Math.Sqrt(gradients.Sum(g => g.Sum(x => (double)x * x)));
        Assert.True(total > 0.01);
        var random = new DeterministicRandom(9);
        for (int i = 0; i < gradients.Length; i++)
        {
            var gradient = gradients[i];
            double norm = Math.Sqrt(gradient.Sum(x => (double)x * x));
            var along = Array.ConvertAll(gradient, x => norm > 0 ? (float)(x / norm) : 0);
            var across = Array.ConvertAll(gradient, _ => (float)(random.NextGaussian() / Math.Sqrt(gradient.Length)));
            foreach (var direction in new[] { along, across })
            {
                double expected = gradient.Zip(direction, (g, v) => (double)g * v).Sum();
                double actual = Derivative(trainer, batch, model.Parameters[i], direction);
                Assert.True(Math.Abs(actual - expected) < 3e-3 * norm + 1e-4 * total,
                    $"{model.Parameters[i]}: gradient {expected:g6}, difference {actual:g6}, norm {norm:g4}");
            }
        }
    }

    /// <summary>Fourth-order central difference of the loss along a direction.</summary>
    private double Derivative(Trainer trainer, Batch batch, Parameter parameter, float[] direction)
    {
        const double Step = 0.005;
        var values = _backend.Read(parameter.Value);
        double Loss(double step)
        {
            _backend.Upload<float>(parameter.Value, values.Zip(direction, (w, v) => (float)(w + step * v)).ToArray());
            return trainer.ComputeGradients([batch]).Loss;
        }

        double derivative = (8 * (Loss(Step) - Loss(-Step)) - (Loss(2 * Step) - Loss(-2 * Step))) / (12 * Step);
        _backend.Upload<float>(parameter.Value, values);
        return derivative;
    }
}
