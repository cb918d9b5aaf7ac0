using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// First-order Taylor: the loss's change were a gate on the group closed, from what the backward pass holds anyway. Per example
/// |sum over t, d of o . dL/do| for a head, with o the attention output before the output projection, and |sum over t of h . dL/dh|
/// for a channel, with h the activation before the down projection; summed over examples (and over a group's query heads). After
/// Michel et al., arXiv 1905.10650, and Molchanov et al., arXiv 1906.10771.
/// </summary>
public sealed class TaylorCriterion : IImportanceCriterion
{
    private DeviceVectors? _sums; // per layer: heads (QH), channels (F)
    private IReadOnlyList<LayerSpec> _layers = [];

    public string Name => "taylor";

    public bool NeedsSteps => true;

    public bool ScoresAreSlopes => true;

    public void Bind(Model model)
    {
        _sums?.Dispose();
        _layers = model.Spec.Layers;
        _sums = new DeviceVectors(model.Backend, _layers.SelectMany(layer => new[] { layer.QueryHeads, layer.FfnWidth }));
    }

    public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o,
        SequenceRows rows) =>
        Observe(backend, workspace, _sums![2 * layer], o, d_o, rows, _layers[layer].QueryHeads, _layers[layer].HeadSize);

    public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh,
        SequenceRows rows) =>
        Observe(backend, workspace, _sums![2 * layer + 1], h, dh, rows, _layers[layer].FfnWidth, 1);

    public void Score(Model model, IReadOnlyList<LayerScores> scores)
    {
        _sums!.Download();
        _sums.Clear();
        for (int l = 0; l < scores.Count; l++)
        {
            scores[l].Clear();
            LayerScores.Add(scores[l].Groups, _sums.Host(2 * l));
            LayerScores.Add(scores[l].Channels, _sums.Host(2 * l + 1));
        }
    }

    public void Dispose() => _sums?.Dispose();

    private static void Observe(IComputeBackend backend, Workspace workspace, DeviceSpan<float> sums, DeviceSpan<float> x, DeviceSpan<float> dx,
        SequenceRows rows, int G, int D)
    {
        var gates = workspace.Rent<float>(rows.Sequences * G); // (B, G)
        foreach (var run in rows.Runs)
        {
            backend.TaylorImportance(sums, gates.Slice(run.Sequence * G, run.Sequences * G), rows.Of(run, x), rows.Of(run, dx), rows.LengthsOf(run),
                run.Sequences, run.Length, G, D);
        }

        workspace.Release(gates);
    }
}
