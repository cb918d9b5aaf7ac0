using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Gradient-free: how far a column's contribution fluctuates, Var(X_c) * sum over i of W_ic^2 (WIFV), over the step's tokens, at the
/// inputs of o and down; a head's columns are added. W is the base weight without adapter. FLAP, arXiv 2312.11983.
/// </summary>
public sealed class ActivationCriterion : IImportanceCriterion
{
    // Per layer, for o, then for h: count, mean, m2, weight.
    private const int PerInput = 4, PerLayer = 2 * PerInput;

    private DeviceVectors? _moments;

    public string Name => "activation";

    public bool NeedsSteps => true;

    /// <summary>Moments are those of all tokens, in the last layer too.</summary>
    public bool WantsEveryRow => true;

    public void Bind(Model model)
    {
        _moments?.Dispose();
        _moments = new DeviceVectors(model.Backend, model.Spec.Layers.SelectMany(layer =>
            new[] { layer.QuerySize, layer.FfnWidth }.SelectMany(C => new[] { 1, C, C, C })));
    }

    public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h,
        SequenceRows rows)
    {
        Observe(backend, layer * PerLayer, o, rows);
        Observe(backend, layer * PerLayer + PerInput, h, rows);
    }

    public void Score(Model model, IReadOnlyList<LayerScores> scores)
    {
        for (int l = 0; l < scores.Count; l++)
        {
            var (o, down) = (model.Layers[l].Output, model.Layers[l].Down);
            model.Backend.SquareSums(_moments![l * PerLayer + 3], o.Weight.Weight, o.Out, o.In, MatrixAxis.Columns);
            model.Backend.SquareSums(_moments[l * PerLayer + PerInput + 3], down.Weight.Weight, down.Out, down.In, MatrixAxis.Columns);
        }

        _moments!.Download();
        _moments.Clear();
        for (int l = 0; l < scores.Count; l++)
        {
            scores[l].Clear();
            AddFluctuation(scores[l].Groups, l * PerLayer);
            AddFluctuation(scores[l].Channels, l * PerLayer + PerInput);
        }
    }

    public void Dispose() => _moments?.Dispose();

    private void Observe(IComputeBackend backend, int at, DeviceSpan<float> x, SequenceRows rows)
    {
        foreach (var run in rows.Runs)
        {
            backend.ColumnMoments(_moments![at], _moments[at + 1], _moments[at + 2], rows.Of(run, x), rows.LengthsOf(run), run.Sequences, run.Length,
                _moments[at + 1].Length);
        }
    }

    private void AddFluctuation(float[] target, int at)
    {
        float count = _moments!.Host(at)[0];
        var m2 = _moments.Host(at + 2);
        var weight = _moments.Host(at + 3);
        int run = m2.Length / target.Length;
        for (int c = 0; c < m2.Length; c++)
            target[c / run] += m2[c] / count * weight[c];
    }
}
