using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Several criteria of one step, such as taylor+activation: the mean of what each says that removing a group costs, each scaled to sum 1 over the model,
/// slopes squared before (<see cref="ImportanceScorer.Costs()"/>).
/// </summary>
public sealed class MixedCriterion(params IReadOnlyList<IImportanceCriterion> criteria) : IImportanceCriterion
{
    private IReadOnlyList<LayerSpec> _layers = [];

    public string Name => string.Join('+', criteria.Select(c => c.Name));

    public bool NeedsSteps => criteria.Any(c => c.NeedsSteps);

    public bool WantsEveryRow => criteria.Any(c => c.WantsEveryRow);

    public void Bind(Model model)
    {
        _layers = model.Spec.Layers;
        foreach (var criterion in criteria)
            criterion.Bind(model);
    }

    public void Score(Model model, IReadOnlyList<LayerScores> scores)
    {
        foreach (var layer in scores)
            layer.Clear();
        foreach (var criterion in criteria)
        {
            var own = LayerScores.Zero(_layers);
            criterion.Score(model, own);
            double Cost(float score) => criterion.ScoresAreSlopes ? (double)score * score : score;
            double sum = own.Sum(l => l.Groups.Sum(Cost) + l.Channels.Sum(Cost));
            for (int l = 0; l < own.Length && sum != 0; l++)
            {
                Add(scores[l].Groups, own[l].Groups, Cost, criteria.Count * sum);
                Add(scores[l].Channels, own[l].Channels, Cost, criteria.Count * sum);
            }
        }
    }

    public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h, SequenceRows rows)
    {
        foreach (var criterion in criteria)
            criterion.OnForward(backend, workspace, layer, o, h, rows);
    }

    public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh, SequenceRows rows)
    {
        foreach (var criterion in criteria)
            criterion.OnBackwardFfn(backend, workspace, layer, h, dh, rows);
    }

    public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o, SequenceRows rows)
    {
        foreach (var criterion in criteria)
            criterion.OnBackwardAttention(backend, workspace, layer, o, d_o, rows);
    }

    public void OnGradients(IComputeBackend backend, Workspace workspace, Model model)
    {
        foreach (var criterion in criteria)
            criterion.OnGradients(backend, workspace, model);
    }

    public void Dispose()
    {
        foreach (var criterion in criteria)
            criterion.Dispose();
    }

    private static void Add(float[] target, float[] scores, Func<float, double> cost, double over)
    {
        for (int i = 0; i < target.Length; i++)
            target[i] += (float)(cost(scores[i]) / over);
    }
}
