using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Scores a model's groups while it trains: hand it to the trainer as the observer. After every step S = lambda S + (1 - lambda)
/// score; a step with a score that is not finite is left out and counted. S follows the model through pruning.
/// </summary>
public sealed class ImportanceScorer : IStepObserver, IDisposable
{
    private readonly IImportanceCriterion _criterion;
    private readonly float _lambda;
    private Model _model;
    private LayerScores[] _smoothed;
    private LayerScores[] _step;

    /// <param name="criterion">Owned: disposed with the scorer.</param>
    /// <param name="lambda">Weight of the past, in [0, 1).</param>
    public ImportanceScorer(IImportanceCriterion criterion, Model model, float lambda = 0.9f)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lambda);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(lambda, 1);
        _criterion = criterion;
        _lambda = lambda;
        _model = model;
        _criterion.Bind(model);
        _smoothed = LayerScores.Zero(model.Spec.Layers);
        _step = LayerScores.Zero(model.Spec.Layers);
    }

    public string Criterion => _criterion.Name;

    /// <summary>Steps in the scores.</summary>
    public int Steps { get; private set; }

    /// <summary>Steps left out because a score was not finite.</summary>
    public int SkippedSteps { get; private set; }

    /// <summary>The present scores, a copy: for a checkpoint, for the next round. <see cref="Costs"/> are for ranking.</summary>
    public LayerScores[] Scores()
    {
        if (!_criterion.NeedsSteps)
            _criterion.Score(_model, _smoothed);
        return [.. _smoothed.Select(s => s.Copy())];
    }

    /// <summary>
    /// What removing each group would cost, to rank groups of unlike size by cost per parameter: the scores, squared where they are
    /// slopes. Closing a gate of slope g raises the loss by about g^2 / 2 (Fisher's estimate of the curvature, Theis et al., arXiv
    /// 1801.05787), and squares add up over independent members while slopes half cancel: ranked by slopes, a head of 3,000
    /// parameters looks several times cheaper per parameter than the channels that do as much.
    /// </summary>
    public LayerScores[] Costs() => Costs(Scores());

    /// <summary>The same of other scores of this criterion, such as several devices' mean; they are taken over.</summary>
    public LayerScores[] Costs(LayerScores[] scores)
    {
        if (!_criterion.ScoresAreSlopes)
            return scores;
        foreach (float[] values in scores.SelectMany(s => new[] { s.Groups, s.Channels }))
        {
            foreach (ref float value in values.AsSpan())
                value *= value;
        }

        return scores;
    }

    /// <summary>Continues from scores of the present shape.</summary>
    /// <exception cref="ArgumentException">The scores are of another shape.</exception>
    public void Restore(IReadOnlyList<LayerScores> scores)
    {
        if (!scores.Select(s => (s.Groups.Length, s.Channels.Length)).SequenceEqual(_smoothed.Select(s => (s.Groups.Length, s.Channels.Length))))
            throw new ArgumentException("the scores are not of the model's shape", nameof(scores));
        _smoothed = [.. scores.Select(s => s.Copy())];
    }

    /// <summary>Goes on with <paramref name="pruned"/>, cut from the present model: scores of what is left are kept.</summary>
    public void Follow(Model pruned)
    {
        for (int l = 0; l < _smoothed.Length; l++)
        {
            var (present, keep) = (_model.Kept[l], pruned.Kept[l]);
            _smoothed[l] = new LayerScores(
                Gather(_smoothed[l].Groups, KeptPositions.Of(keep.KeyValueHeads, present.KeyValueHeads)),
                Gather(_smoothed[l].Channels, KeptPositions.Of(keep.Channels, present.Channels)));
        }

        _model = pruned;
        _step = LayerScores.Zero(pruned.Spec.Layers);
        _criterion.Bind(pruned);
    }

    public bool WantsEveryRow => _criterion.WantsEveryRow;

    public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h,
        SequenceRows rows) => _criterion.OnForward(backend, workspace, layer, o, h, rows);

    public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh,
        SequenceRows rows) => _criterion.OnBackwardFfn(backend, workspace, layer, h, dh, rows);

    public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o,
        SequenceRows rows) => _criterion.OnBackwardAttention(backend, workspace, layer, o, d_o, rows);

    public void OnGradients(IComputeBackend backend, Workspace workspace, Model model)
    {
        _criterion.OnGradients(backend, workspace, model);
        if (workspace.IsRecording || !_criterion.NeedsSteps)
            return;
        _criterion.Score(model, _step);
        foreach (var layer in _step)
        {
            if (!layer.IsFinite)
            {
                SkippedSteps++;
                return;
            }
        }

        Steps++;
        for (int l = 0; l < _step.Length; l++)
        {
            Smooth(_smoothed[l].Groups, _step[l].Groups);
            Smooth(_smoothed[l].Channels, _step[l].Channels);
        }
    }

    public void Dispose() => _criterion.Dispose();

    private void Smooth(float[] smoothed, float[] score)
    {
        for (int i = 0; i < score.Length; i++)
            smoothed[i] = _lambda * smoothed[i] + (1 - _lambda) * score[i];
    }

    private static float[] Gather(float[] values, int[]? positions) => positions is null ? values : [.. positions.Select(i => values[i])];
}
