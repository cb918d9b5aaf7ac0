using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Training;

/// <summary>Sequences of different length share a batch as if each were alone, and nothing is computed for padding.</summary>
public sealed class PackingTests : IDisposable
{
    private static readonly int[] Lengths = [20, 20, 3, 1, 17, 3, 3, 20];

    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public static IEnumerable<TheoryDataRow<ModelFamily, ModelHead>> Kinds =>
    [
        new(ModelFamily.Roberta, ModelHead.SequenceClassification), new(ModelFamily.Bert, ModelHead.SequenceClassification),
        new(ModelFamily.Roberta, ModelHead.MaskedLm), new(ModelFamily.Llama, ModelHead.CausalLm), new(ModelFamily.Llama, ModelHead.SequenceClassification),
    ];

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_batch_is_the_sum_of_its_sequences_and_costs_as_much(ModelFamily family, ModelHead head)
    {
        var spec = Spec(family, head);
        using var model = TinyModels.Random(_backend, spec, Trainable.All, TinyModels.Lora);
        var whole = TinyModels.Batch(spec, 7, Lengths);
        using var trainer = new Trainer(model, new TrainingOptions(), whole.B, whole.T);
        var together = trainer.ComputeGradients([whole]);
        var gradients = _backend.Read(model.TrainableGradients);
        Batch[] singles = [.. Enumerable.Range(0, whole.B).Select(b => Single(whole, b, spec))];
        var apart = trainer.ComputeGradients(singles);
        Assert.Equal(apart.Count, together.Count);
        Assert.Equal(apart.Loss, together.Loss, 1e-6 * apart.Loss);
        Assert.True(Compare.Frobenius(gradients, _backend.Read(model.TrainableGradients)) < 2e-5);
        // Of the head's rows one at least is computed, whether it has a target or not: single sequences of one token have none.
        Assert.InRange(together.Flops, 0.98 * apart.Flops, apart.Flops);
        Assert.Equal(singles.Sum(s => trainer.Evaluate(s).LossSum), trainer.Evaluate(whole).LossSum, 1e-5);
        Assert.Equal(singles.Sum(s => trainer.Evaluate(s).Correct), trainer.Evaluate(whole).Correct);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Scores_of_a_batch_are_those_of_its_sequences(ModelFamily family, ModelHead head)
    {
        var spec = Spec(family, head);
        using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        var whole = TinyModels.Batch(spec, 7, Lengths);
        using var trainer = new Trainer(model, new TrainingOptions(), whole.B, whole.T);
        foreach (string criterion in (string[])["taylor", "activation", "lora-gradient"])
        {
            float[] Scores(Batch[] batches)
            {
                using var scorer = new ImportanceScorer(ImportanceCriteria.Create(criterion, 1), model, lambda: 0);
                trainer.ComputeGradients(batches, scorer);
                return [.. scorer.Scores().SelectMany(s => s.Groups.Concat(s.Channels))];
            }

            double error = Compare.Frobenius(Scores([whole]), Scores([.. Enumerable.Range(0, whole.B).Select(b => Single(whole, b, spec))]));
            Assert.True(error < 1e-4, $"{criterion}: {error:e2}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_does_not_matter(ModelFamily family, ModelHead head)
    {
        var spec = Spec(family, head);
        using var model = TinyModels.Random(_backend, spec, Trainable.All);
        var batch = TinyModels.Batch(spec, 7, 9, 4, 1);
        batch.Lengths[2] = 0; // an empty text
        using var trainer = new Trainer(model, new TrainingOptions(), batch.B, batch.T);
        var clean = trainer.ComputeGradients([batch]);
        var gradients = _backend.Read(model.TrainableGradients);
        for (int t = 4; t < batch.T; t++)
        {
            (batch.Ids[batch.T + t], batch.Types[batch.T + t]) = (-1, -1); // outside any table
            if (head != ModelHead.SequenceClassification)
                batch.Targets[batch.T + t] = 5;
        }

        var dirty = trainer.ComputeGradients([batch]);
        Assert.Equal((clean.Loss, clean.Count, clean.Flops), (dirty.Loss, dirty.Count, dirty.Flops));
        Assert.Equal(gradients, _backend.Read(model.TrainableGradients));
    }

    private static ModelSpec Spec(ModelFamily family, ModelHead head) => (family switch
    {
        ModelFamily.Roberta => TinyModels.Roberta(head),
        ModelFamily.Bert => TinyModels.Bert(head),
        _ => TinyModels.Llama(head),
    }).Widened(width: 32);

    private static Batch Single(Batch whole, int b, ModelSpec spec)
    {
        int T = whole.Lengths[b];
        var single = new Batch(1, T) { B = 1, T = T };
        single.Lengths[0] = T;
        whole.Ids.AsSpan(b * whole.T, T).CopyTo(single.Ids);
        whole.Types.AsSpan(b * whole.T, T).CopyTo(single.Types);
        if (spec.Head == ModelHead.SequenceClassification)
            single.Targets[0] = whole.Targets[b];
        else
            whole.Targets.AsSpan(b * whole.T, T).CopyTo(single.Targets);
        return single;
    }
}
