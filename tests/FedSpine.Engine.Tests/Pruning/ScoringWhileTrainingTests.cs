using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Pruning;

public sealed class ScoringWhileTrainingTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public static TheoryData<string> Criteria => [.. ImportanceCriteria.Names];

    public void Dispose() => _backend.Dispose();

    /// <summary>Train, score, rank, cut and go on, along a schedule, as a device does in a round.</summary>
    [Theory]
    [MemberData(nameof(Criteria))]
    public void ADeviceReachesItsRatioAndKeepsLearning(string criterion)
    {
        var random = new DeterministicRandom(6);
        var spec = RandomModels.Spec(random, 4, decoder: true, width: 16) with { Layers = [.. Enumerable.Repeat(new LayerSpec(4, 2, 4, 40), 4)] };
        var model = Model.Create(_backend, spec, Trainable.Adapter, RandomModels.Lora(2));
        RandomModels.Fill(model, random);
        var batch = TinyModels.Batch(spec, 1, 6, 2, 5);
        using var scorer = new ImportanceScorer(ImportanceCriteria.Create(criterion, 1), model);
        var schedule = CubicSchedule.Within(12, PruningRatio.Of(model), 0.3, 4);
        var options = new TrainingOptions { LearningRate = 1e-3f };
        var trainer = new Trainer(model, options, 3, 6);
        var losses = new List<double>();
        for (int step = 1; step <= 12; step++)
        {
            losses.Add(trainer.Step(batch, scorer).Loss);
            if (schedule.DueAfter(step) is not { } ratio)
                continue;
            var pruned = ModelSurgery.Prune(model, GlobalRanking.Select(model, scorer.Costs(), ratio));
            scorer.Follow(pruned);
            trainer.Dispose();
            model.Dispose();
            model = pruned;
            trainer = new Trainer(model, options, 3, 6) { StepIndex = step, MomentSteps = step };
        }

        Assert.Equal(0, scorer.SkippedSteps);
        Assert.InRange(PruningRatio.Of(model), 0.3 - PruningRatio.Step(spec), 0.3 + PruningRatio.Step(spec));
        Assert.All(losses, loss => Assert.True(double.IsFinite(loss)));
        Assert.True(losses[^1] < losses[^4], "recovery lowers the loss");
        trainer.Dispose();
        model.Dispose();
    }

    [Theory]
    [MemberData(nameof(Criteria))]
    public void ScoringAllocatesNothingInAStep(string criterion)
    {
        var random = new DeterministicRandom(7);
        var spec = RandomModels.Spec(random, 2, decoder: true);
        using var model = Model.Create(_backend, spec, Trainable.Adapter, RandomModels.Lora(2));
        RandomModels.Fill(model, random);
        using var scorer = new ImportanceScorer(ImportanceCriteria.Create(criterion, 1), model);
        using var trainer = new Trainer(model, new TrainingOptions(), 2, 4);
        var batch = TinyModels.Batch(spec, 1, 4, 2);
        for (int warm = 0; warm < 3; warm++)
            trainer.Step(batch, scorer);
        Assert.Equal(0, ManagedBytes.Least(() => trainer.Step(batch, scorer)));
    }

    [Fact]
    public void TaylorDoesNotDependOnMicroBatches()
    {
        var random = new DeterministicRandom(8);
        var spec = RandomModels.Spec(random, 2, decoder: false);
        using var model = Model.Create(_backend, spec, Trainable.Adapter, RandomModels.Lora(2));
        RandomModels.Fill(model, random);
        using var trainer = new Trainer(model, new TrainingOptions(), 4, 5);
        Batch whole = TinyModels.Batch(spec, 1, 5, 2, 4, 1), first = new(2, 5) { B = 2, T = 5 }, second = new(2, 5) { B = 2, T = 5 };
        foreach (var (part, at) in new[] { (first, 0), (second, 2) })
        {
            whole.Ids.AsSpan(at * 5, 10).CopyTo(part.Ids);
            whole.Lengths.AsSpan(at, 2).CopyTo(part.Lengths);
            whole.Targets.AsSpan(at, 2).CopyTo(part.Targets);
        }

        LayerScores[] Scores(Batch[] batches)
        {
            using var scorer = new ImportanceScorer(new TaylorCriterion(), model, lambda: 0);
            trainer.ComputeGradients(batches, scorer);
            return scorer.Scores();
        }

        foreach (var (one, two) in Scores([whole]).Zip(Scores([first, second])))
        {
            Assert.InRange(Compare.Frobenius(two.Groups, one.Groups), 0, 1e-4);
            Assert.InRange(Compare.Frobenius(two.Channels, one.Channels), 0, 1e-4);
        }
    }
}
