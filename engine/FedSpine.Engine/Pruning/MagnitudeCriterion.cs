using FedSpine.Engine.Models;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// Baseline: the squared L2 norm of a group's base weights (rows of q, k, v, gate, up; columns of o, down), without adapters. Needs no
/// data, and scores frozen weights alike on every device.
/// </summary>
public sealed class MagnitudeCriterion : IImportanceCriterion
{
    private ModuleVectors? _sums;

    public string Name => "magnitude";

    public bool NeedsSteps => false;

    public void Bind(Model model)
    {
        _sums?.Dispose();
        _sums = new ModuleVectors(model);
    }

    public void Score(Model model, IReadOnlyList<LayerScores> scores)
    {
        for (int l = 0; l < model.Layers.Count; l++)
        {
            foreach (var linear in model.Layers[l].Linears)
                model.Backend.SquareSums(_sums!.Device(l, linear), linear.Weight.Value, linear.Out, linear.In, ModuleVectors.Axis(linear));
        }

        _sums!.Download();
        for (int l = 0; l < scores.Count; l++)
        {
            scores[l].Clear();
            foreach (var linear in model.Layers[l].Linears)
                _sums.AddTo(scores[l], l, linear, 1);
        }
    }

    public void Dispose() => _sums?.Dispose();
}
