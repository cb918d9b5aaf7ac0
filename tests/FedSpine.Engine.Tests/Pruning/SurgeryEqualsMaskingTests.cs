using CsCheck;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Pruning;

/// <summary>Pruned models compute, and go on learning, exactly like masked ones: both families, grouped-query attention, unequal layers.</summary>
public sealed class SurgeryEqualsMaskingTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public void Dispose() => _backend.Dispose();

    [Theory]
    [InlineData(Trainable.Adapter)]
    [InlineData(Trainable.All)]
    public void LogitsLossAndFurtherTrainingAreTheSameAfterEveryPruning(Trainable trainable) => Gen.ULong.Sample(seed =>
    {
        var random = new DeterministicRandom(seed);
        var spec = RandomModels.Spec(random, 1 + random.NextInt(3), random.NextInt(2) == 0);
        var pruned = Model.Create(_backend, spec, trainable, trainable == Trainable.All ? null : RandomModels.Lora(2));
        RandomModels.Fill(pruned, random);
        var masked = ModelSurgery.Prune(pruned, pruned.Kept);
        var batch = TinyModels.Batch(spec, seed, 6, 1 + random.NextInt(6), 4);
        for (int event_ = 0; event_ < 3; event_++)
        {
            var keep = RandomModels.Cut(random, pruned.Kept);
            (pruned, masked) = (Replace(pruned, ModelSurgery.Prune(pruned, keep)), Replace(masked, MaskedModels.Mask(masked, keep)));
            Assert.InRange(Compare.Frobenius(Logits(pruned, batch), Logits(masked, batch)), 0, 1e-5);
            for (int step = 0; step < 2; step++)
            {
                double expected = Step(masked, batch, 10 + step), loss = Step(pruned, batch, 10 + step);
                Assert.Equal(expected, loss, 1e-5 * Math.Abs(expected));
            }
        }

        using var cut = ModelSurgery.Prune(masked, pruned.Kept);
        foreach (var (p, m) in pruned.Parameters.Zip(cut.Parameters).Where(pair => pair.First.Trainable))
        {
            // Relative to the model, not to the parameter: a bias may be as good as zero.
            double difference = _backend.Read(p.Value).Zip(_backend.Read(m.Value), (x, y) => Math.Abs(x - y)).Max();
            Assert.True(difference < 2e-4, $"{p.Name} differs by {difference}");
            Assert.InRange(Compare.Frobenius(_backend.Read(p.SecondMoment), _backend.Read(m.SecondMoment)), 0, 1e-3);
        }

        pruned.Dispose();
        masked.Dispose();
    }, iter: 15, threads: 1);

    /// <summary>A void cut changes nothing: bit for bit the same next step.</summary>
    [Fact]
    public void KeepingEverythingIsACopy()
    {
        var random = new DeterministicRandom(11);
        var spec = RandomModels.Spec(random, 2, decoder: true);
        using var model = Model.Create(_backend, spec, Trainable.Adapter, RandomModels.Lora(3));
        RandomModels.Fill(model, random);
        using var copy = ModelSurgery.Prune(model, model.Kept);
        var batch = TinyModels.Batch(spec, 1, 5, 3);
        Assert.Equal(Step(model, batch, 3), Step(copy, batch, 3));
        Assert.Equal(_backend.Read(model.TrainableValues), _backend.Read(copy.TrainableValues));
    }

    private static Model Replace(Model old, Model next)
    {
        old.Dispose();
        return next;
    }

    private static float[] Logits(Model model, Batch batch)
    {
        using var inference = new Inference(model, batch.B, batch.T);
        float[] logits = inference.Logits(batch);
        if (model.Spec.Head != ModelHead.SequenceClassification) // rows at padding mean nothing
        {
            for (int i = 0; i < logits.Length; i++)
            {
                int row = i / inference.LogitColumns;
                if (row % batch.T >= batch.Lengths[row / batch.T])
                    logits[i] = 0;
            }
        }

        return logits;
    }

    private static double Step(Model model, Batch batch, int moments)
    {
        using var trainer = new Trainer(model, new TrainingOptions { LearningRate = 1e-3f }, batch.B, batch.T) { MomentSteps = moments };
        var result = trainer.Step(batch);
        Assert.True(result.Applied);
        return result.Loss;
    }
}
