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
        for (int l = 0; l < scores.Count; l++)
        {
            var modules = _sums!.Modules(l);
            for (int i = 0; i < modules.Length; i++)
                model.Backend.SquareSums(_sums.Device(l, i), modules[i].Weight.Weight, modules[i].Out, modules[i].In, ModuleVectors.Axis(modules[i]));
        }

        _sums!.Download();
        for (int l = 0; l < scores.Count; l++)
        {
            scores[l].Clear();
            for (int i = 0; i < _sums.Modules(l).Length; i++)
                _sums.AddTo(scores[l], l, i, 1);
        }
    }

    public void Dispose() => _sums?.Dispose();
}
