using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Pruning;

public sealed class ImportanceScorerTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly Arena _scratch;
    private readonly Workspace _workspace;
    private readonly Model _model;
    private readonly DeterministicRandom _random = new(5);

    public ImportanceScorerTests()
    {
        var plan = Workspace.Record().Plan();
        _scratch = _backend.Allocate(plan.Bytes);
        _workspace = Workspace.Replay(plan, _scratch);
        _model = Model.Create(_backend, RandomModels.Spec(_random, 3, decoder: true));
        RandomModels.Fill(_model, _random);
    }

    public void Dispose()
    {
        _model.Dispose();
        _scratch.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public void ScoresAreSmoothedWithNineTenthsOfThePast()
    {
        var steps = new Scripted();
        using var scorer = new ImportanceScorer(steps, _model);
        var expected = 0.0;
        foreach (float score in new[] { 2f, 5f, 0f, 1f })
        {
            steps.Value = score;
            scorer.OnGradients(_backend, _workspace, _model);
            expected = 0.9 * expected + 0.1 * score;
        }

        Assert.Equal((4, 0), (scorer.Steps, scorer.SkippedSteps));
        AssertAll(expected, scorer.Scores());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void AStepThatIsNotFiniteIsSkippedAndCounted(float bad)
    {
        var steps = new Scripted { Value = 3 };
        using var scorer = new ImportanceScorer(steps, _model);
        scorer.OnGradients(_backend, _workspace, _model);
        var before = scorer.Scores();
        steps.LastChannel = bad;
        scorer.OnGradients(_backend, _workspace, _model);
        Assert.Equal((1, 1), (scorer.Steps, scorer.SkippedSteps));
        Assert.Equal(Flat(before), Flat(scorer.Scores()));
        steps.LastChannel = null;
        scorer.OnGradients(_backend, _workspace, _model);
        AssertAll(0.9 * 0.3 + 0.3, scorer.Scores());
    }

    [Fact]
    public void PlanningAStepLeavesTheScoresAlone()
    {
        using var scorer = new ImportanceScorer(new Scripted { Value = 3 }, _model);
        scorer.OnGradients(new RecordingBackend(), Workspace.Record(), _model);
        Assert.Equal(0, scorer.Steps);
        AssertAll(0, scorer.Scores());
    }

    [Fact]
    public void ScoresFollowTheModelThroughPruning()
    {
        using var scorer = new ImportanceScorer(new Scripted(), _model);
        var scores = RandomModels.Scores(_random, _model.Spec.Layers);
        scorer.Restore(scores);
        using var once = ModelSurgery.Prune(_model, RandomModels.Cut(_random, _model.Kept));
        scorer.Follow(once);
        using var twice = ModelSurgery.Prune(once, RandomModels.Cut(_random, once.Kept));
        scorer.Follow(twice);
        var left = scorer.Scores();
        for (int l = 0; l < left.Length; l++)
        {
            Assert.Equal(twice.Kept[l].KeyValueHeads.Select(i => scores[l].Groups[i]), left[l].Groups);
            Assert.Equal(twice.Kept[l].Channels.Select(i => scores[l].Channels[i]), left[l].Channels);
        }

        scorer.OnGradients(_backend, _workspace, twice); // the criterion was bound to the new shape
        Assert.Equal(1, scorer.Steps);
    }

    [Fact]
    public void ScoresCanBeTakenOutAndPutBack()
    {
        var scores = RandomModels.Scores(_random, _model.Spec.Layers);
        using var scorer = new ImportanceScorer(new Scripted(), _model);
        scorer.Restore(scores);
        Assert.Equal(Flat(scores), Flat(scorer.Scores()));
        Assert.Throws<ArgumentException>(() => scorer.Restore(scores[1..]));
    }

    [Fact]
    public void CriteriaWithoutStepsAnswerAtOnce()
    {
        using var scorer = new ImportanceScorer(new MagnitudeCriterion(), _model);
        Assert.All(scorer.Scores(), layer => Assert.All(layer.Channels.Concat(layer.Groups), s => Assert.True(s > 0)));
    }

    [Fact]
    public void SlopesAreSquaredForRankingAndOtherScoresAreNot()
    {
        var scores = RandomModels.Scores(_random, _model.Spec.Layers);
        using var slopes = new ImportanceScorer(new TaylorCriterion(), _model);
        slopes.Restore(scores);
        Assert.Equal(Flat(scores).Select(s => s * s), Flat(slopes.Costs()));
        Assert.Equal(Flat(scores), Flat(slopes.Scores()));
        using var others = new ImportanceScorer(new Scripted(), _model);
        others.Restore(scores);
        Assert.Equal(Flat(scores), Flat(others.Costs()));
    }

    private static void AssertAll(double expected, LayerScores[] scores) => Assert.All(Flat(scores), s => Assert.Equal(expected, s, 1e-5));

    private static float[] Flat(LayerScores[] scores) => [.. scores.SelectMany(s => s.Groups.Concat(s.Channels))];

    /// <summary>Scores every group with one value.</summary>
    private sealed class Scripted : IImportanceCriterion
    {
        private IReadOnlyList<LayerSpec> _layers = [];

        public float Value { get; set; }

        public float? LastChannel { get; set; }

        public string Name => "scripted";

        public bool NeedsSteps => true;

        public void Bind(Model model) => _layers = model.Spec.Layers;

        public void Score(Model model, IReadOnlyList<LayerScores> scores)
        {
            Assert.Equal(_layers, model.Spec.Layers);
            foreach (var layer in scores)
            {
                layer.Groups.AsSpan().Fill(Value);
                layer.Channels.AsSpan().Fill(Value);
            }

            if (LastChannel is { } last)
                scores[^1].Channels[^1] = last;
        }
    }
}
