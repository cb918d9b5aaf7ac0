using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// The adapter's gradients in place of the frozen weights': G = dB A + B dA - dB dA, I = (G * (W + s B A))^2, summed along the rows
/// of q, k, v, gate, up and the columns of o, down; each module's vector divided by its L2 norm, then added over a group's modules.
/// Modules without an adapter say nothing. LoRAPrune, arXiv 2305.18403.
/// </summary>
public sealed class LoraGradientCriterion : IImportanceCriterion
{
    private ModuleVectors? _sums;

    public string Name => "lora-gradient";

    public bool NeedsSteps => true;

    public void Bind(Model model)
    {
        for (int l = 0; l < model.Layers.Count; l++)
        {
            var layer = model.Layers[l];
            bool attention = new[] { layer.Query, layer.Key, layer.Value, layer.Output }.Any(HasTrainedAdapter);
            bool ffn = new[] { layer.Gate, layer.Up, layer.Down }.Any(HasTrainedAdapter);
            if (!attention || !ffn)
            {
                throw new InputException($"criterion lora-gradient: layer {l} has no trained adapter on its {(attention ? "FFN" : "attention")} matrices; "
                    + "target at least one of each, or choose another criterion");
            }
        }

        _sums?.Dispose();
        _sums = new ModuleVectors(model);
    }

    public void OnGradients(IComputeBackend backend, Workspace workspace, Model model)
    {
        for (int l = 0; l < _sums!.Layers; l++)
        {
            var modules = _sums.Modules(l);
            for (int i = 0; i < modules.Length; i++)
            {
                var m = modules[i];
                if (HasTrainedAdapter(m))
                    backend.LoraImportance(_sums.Device(l, i), m.Operands, m.A!.Gradient, m.B!.Gradient, ModuleVectors.Axis(m));
            }
        }
    }

    public void Score(Model model, IReadOnlyList<LayerScores> scores)
    {
        _sums!.Download();
        for (int l = 0; l < scores.Count; l++)
        {
            scores[l].Clear();
            for (int i = 0; i < _sums.Modules(l).Length; i++)
            {
                double norm = Norm(_sums.Host(l, i));
                if (norm != 0)
                    _sums.AddTo(scores[l], l, i, 1 / norm);
            }
        }
    }

    public void Dispose() => _sums?.Dispose();

    private static bool HasTrainedAdapter(Linear? linear) => linear?.A is { Trainable: true };

    private static double Norm(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += (double)value * value;
        return Math.Sqrt(sum);
    }
}
