using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public static TheoryData<bool> Families => [true, false];

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void Micro_batches_add_up_to_one_batch(bool decoder)
    {
        var spec = decoder ? TinyModels.Llama(ModelHead.CausalLm) : TinyModels.Roberta(ModelHead.SequenceClassification);
        using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        var whole = TinyModels.Batch(spec, 7, 5, 9, 2, 7, 3);
        using var trainer = new Trainer(model, new TrainingOptions(), 5, 9);
        var expected = trainer.ComputeGradients([whole]);
        var gradients = _backend.Read(model.TrainableGradients);
        var actual = trainer.ComputeGradients([Rows(whole, 0, 2, spec), Rows(whole, 2, 3, spec)]);
        Assert.Equal(expected.Count, actual.Count);
        Assert.Equal(expected.Loss, actual.Loss, 1e-6 * expected.Loss);
        Assert.True(Compare.Frobenius(_backend.Read(model.TrainableGradients), gradients) < 1e-5);
    }

    [Fact]
    public void A_large_vocabulary_is_projected_in_chunks()
    {
        // 576 rows of 20,000 logits do not fit one chunk; 288 do.
        var spec = TinyModels.Llama(ModelHead.CausalLm) with { VocabularySize = 20_000, Layers = [new LayerSpec(1, 1, 4, 8)] };
        using var model = TinyModels.Random(_backend, spec, Trainable.All);
        var whole = TinyModels.Batch(spec, 7, [.. Enumerable.Repeat(32, 18)]);
        using var trainer = new Trainer(model, new TrainingOptions(), 18, 32);
        var expected = trainer.ComputeGradients([Rows(whole, 0, 9, spec), Rows(whole, 9, 9, spec)]);
        var gradients = _backend.Read(model.TrainableGradients);
        var actual = trainer.ComputeGradients([whole]);
        Assert.Equal(expected.Loss, actual.Loss, 1e-6 * expected.Loss);
        Assert.True(Compare.Frobenius(_backend.Read(model.TrainableGradients), gradients) < 1e-5);
        Assert.True(trainer.ActivationBytes < 0.9 * 576 * 20_000 * sizeof(float));
        Assert.Equal(expected.Loss, trainer.Evaluate(whole).Loss, 1e-6 * expected.Loss);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Threads_do_not_change_a_bit(bool decoder)
    {
        float[] Train(int threads)
        {
            var spec = (decoder ? TinyModels.Llama(ModelHead.CausalLm) : TinyModels.Roberta(ModelHead.MaskedLm)).Widened();
            using var backend = HostBackend.Create(threads);
            using var model = Model.Create(backend, spec, Trainable.All, TinyModels.Lora);
            ModelInitializer.Initialize(model, 3);
            var batch = TinyModels.Batch(spec, 3, 60, 64, 41, 33, 64, 5, 1, 17);
            using var trainer = new Trainer(model, new TrainingOptions { Dropout = 0.1f }, batch.B, batch.T);
            for (int i = 0; i < 3; i++)
                Assert.True(trainer.Step(batch).Applied);
            return backend.Read(model.TrainableValues);
        }

        Assert.Equal(Train(1), Train(2));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_step_allocates_nothing_managed(bool decoder)
    {
        var spec = (decoder ? TinyModels.Llama(ModelHead.CausalLm) : TinyModels.Roberta(ModelHead.SequenceClassification)).Widened();
        using var backend = HostBackend.Create(2);
        using var model = Model.Create(backend, spec, Trainable.Adapter, TinyModels.Lora);
        ModelInitializer.Initialize(model, 3);
        using var scorer = new ImportanceScorer(new TaylorCriterion(), model);
        Batch[] batches = [TinyModels.Batch(spec, 3, 64, 20, 30, 64), TinyModels.Batch(spec, 4, 31, 20, 3)];
        using var trainer = new Trainer(model, new TrainingOptions { Dropout = 0.1f }, 4, 64);
        for (int i = 0; i < 2; i++)
            OneOfEach();
        Assert.Equal(0, ManagedBytes.Least(OneOfEach));
        Assert.InRange(trainer.MomentSteps, 9, 21); // three in each of its calls: none was skipped
        Assert.Equal(0, trainer.MomentSteps % 3);

        void OneOfEach()
        {
            trainer.Step(batches[0]);
            trainer.Step(batches);
            trainer.Step(batches[1], scorer);
            trainer.Evaluate(batches[0]);
        }
    }

    [Theory]
    [InlineData(ModelFamily.Roberta, ModelHead.SequenceClassification, Trainable.Adapter)]
    [InlineData(ModelFamily.Bert, ModelHead.SequenceClassification, Trainable.All)]
    [InlineData(ModelFamily.Roberta, ModelHead.MaskedLm, Trainable.All)]
    [InlineData(ModelFamily.Llama, ModelHead.CausalLm, Trainable.Adapter)]
    [InlineData(ModelFamily.Llama, ModelHead.SequenceClassification, Trainable.All)]
    public void Overfits_a_batch(ModelFamily family, ModelHead head, Trainable trainable)
    {
        var spec = (family switch
        {
            ModelFamily.Roberta => TinyModels.Roberta(head),
            ModelFamily.Bert => TinyModels.Bert(head),
            _ => TinyModels.Llama(head),
        }).Widened(width: 32);
        using var model = TinyModels.Random(_backend, spec, trainable, new(8, 16, FedSpine.Engine.Lora.LoraSpec.AllLinears));
        var batch = TinyModels.Batch(spec, 4, 9, 6, 7, 8);
        using var trainer = new Trainer(model, new TrainingOptions { LearningRate = 1e-2f, WarmupSteps = 5, TotalSteps = 150, WeightDecay = 0 }, 4, 9);
        double first = trainer.Step(batch).Loss;
        while (trainer.StepIndex < 150)
            trainer.Step(batch);
        var result = trainer.Evaluate(batch);
        Assert.True(result.Loss < 0.05 && result.Loss < first / 10, $"loss {first:g4} fell to {result.Loss:g4}");
        Assert.Equal(result.Count, result.Correct);
        Assert.Equal(0, trainer.VoidSteps);
    }

    [Fact]
    public void A_step_that_is_not_finite_changes_nothing_and_is_counted()
    {
        var spec = TinyModels.Llama(ModelHead.CausalLm);
        using var model = TinyModels.Random(_backend, spec, Trainable.All);
        var batch = TinyModels.Batch(spec, 4, 9, 6);
        using var trainer = new Trainer(model, new TrainingOptions(), 2, 9);
        Assert.True(trainer.Step(batch).Applied);
        var weight = model.Layers[1].Down.Weight.Value;
        var good = _backend.Read(weight);
        _backend.Fill(weight.Slice(0, 1), float.NaN);
        var before = (_backend.Read(model.TrainableValues), _backend.Read(model.FirstMoments), _backend.Read(model.SecondMoments));
        Assert.False(trainer.Step(batch).Applied);
        Assert.Equal(before.Item1, _backend.Read(model.TrainableValues));
        Assert.Equal(before.Item2, _backend.Read(model.FirstMoments));
        Assert.Equal(before.Item3, _backend.Read(model.SecondMoments));
        Assert.Equal((2, 1, 1), (trainer.StepIndex, trainer.MomentSteps, trainer.VoidSteps));
        _backend.Upload<float>(weight, good);
        Assert.True(trainer.Step(batch).Applied);
    }

    [Fact]
    public void A_step_without_any_target_is_void()
    {
        var spec = TinyModels.Llama(ModelHead.CausalLm);
        using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        using var trainer = new Trainer(model, new TrainingOptions(), 2, 4);
        var result = trainer.Step(TinyModels.Batch(spec, 4, 1, 1));
        Assert.Equal((false, 0, 0f), (result.Applied, result.Count, result.GradientNorm));
    }

    [Fact]
    public void Resuming_continues_to_the_same_bits()
    {
        var spec = TinyModels.Roberta(ModelHead.SequenceClassification);
        var batch = TinyModels.Batch(spec, 4, 9, 6);
        var options = new TrainingOptions { WarmupSteps = 2, TotalSteps = 6, Dropout = 0.1f };
        using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        using var trainer = new Trainer(model, options, 2, 9);
        for (int i = 0; i < 3; i++)
            trainer.Step(batch);
        using var copy = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        _backend.Copy(copy.TrainableValues, model.TrainableValues);
        _backend.Copy(copy.FirstMoments, model.FirstMoments);
        _backend.Copy(copy.SecondMoments, model.SecondMoments);
        using var resumed = new Trainer(copy, options, 2, 9) { StepIndex = trainer.StepIndex, MomentSteps = trainer.MomentSteps };
        for (int i = 0; i < 3; i++)
        {
            trainer.Step(batch);
            resumed.Step(batch);
        }

        Assert.Equal(_backend.Read(model.TrainableValues), _backend.Read(copy.TrainableValues));
    }

    [Fact]
    public void The_plan_covers_what_the_static_cost_says()
    {
        var spec = TinyModels.Roberta(ModelHead.SequenceClassification).Widened();
        using var model = Model.Create(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        ModelInitializer.Initialize(model, 3);
        using var trainer = new Trainer(model, new TrainingOptions(), 4, 64);
        var cost = StepCost.Training(spec, Trainable.Adapter, TinyModels.Lora, 4, 64);
        Assert.Equal(cost.Flops, trainer.Step(TinyModels.Batch(spec, 3, 64, 64, 64, 64)).Flops);
        Assert.Equal(cost.ModelBytes, model.Bytes);
        Assert.InRange(trainer.ActivationBytes, cost.ActivationBytes, cost.ActivationBytes + 64);
        using var inference = new Inference(model, 4, 64);
        Assert.True(inference.ActivationBytes < trainer.ActivationBytes / 2);
        var half = spec with { Layers = [.. spec.Layers.Select(l => l with { QueryHeads = 2, KeyValueHeads = 2, FfnWidth = l.FfnWidth / 2 })] };
        var pruned = StepCost.Training(half, Trainable.Adapter, TinyModels.Lora, 4, 64);
        Assert.True(pruned.Flops < 0.6 * cost.Flops && pruned.ActivationBytes < 0.8 * cost.ActivationBytes && pruned.ModelBytes < cost.ModelBytes);
    }

    [Fact]
    public void The_rate_warms_up_and_falls_to_zero()
    {
        var options = new TrainingOptions { LearningRate = 1, WarmupSteps = 4, TotalSteps = 12 };
        Assert.Equal([0.25f, 0.5f, 0.75f, 1, 1, 0.875f, 0.75f], Enumerable.Range(0, 7).Select(options.LearningRateAt));
        Assert.Equal(0.125f, options.LearningRateAt(11));
        Assert.Equal(0, options.LearningRateAt(12));
        Assert.Equal(0, options.LearningRateAt(99));
        Assert.Equal(1, (options with { TotalSteps = 0 }).LearningRateAt(99));
    }

    [Fact]
    public void A_batch_beyond_the_plan_is_refused()
    {
        var spec = TinyModels.Roberta(ModelHead.SequenceClassification);
        using var model = TinyModels.Random(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        using var trainer = new Trainer(model, new TrainingOptions(), 2, 9);
        Assert.Throws<ArgumentException>(() => trainer.Step(TinyModels.Batch(spec, 4, 9, 6, 3)));
        Assert.Throws<ArgumentException>(() => trainer.Step(TinyModels.Batch(spec, 4, 10)));
        var lying = TinyModels.Batch(spec, 4, 8);
        lying.Targets[0] = 3;
        Assert.Contains("target 3", Assert.Throws<InputException>(() => trainer.Step(lying)).Message);
    }

    /// <summary>Rows [first, first + count) as a batch of its own, no longer than it must be.</summary>
    private static Batch Rows(Batch whole, int first, int count, ModelSpec spec)
    {
        bool classifies = spec.Head == ModelHead.SequenceClassification;
        int T = whole.Lengths.AsSpan(first, count).ToArray().Max();
        var part = new Batch(count, T) { B = count, T = T };
        for (int b = 0; b < count; b++)
        {
            part.Lengths[b] = whole.Lengths[first + b];
            whole.Ids.AsSpan((first + b) * whole.T, T).CopyTo(part.Ids.AsSpan(b * T));
            if (classifies)
                part.Targets[b] = whole.Targets[first + b];
            else
                whole.Targets.AsSpan((first + b) * whole.T, T).CopyTo(part.Targets.AsSpan(b * T));
        }

        return part;
    }
}
