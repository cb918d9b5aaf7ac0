using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Pruning;

/// <summary>The rows or columns of a model to keep along each layer's axes, as present indices in device memory.</summary>
internal sealed class SurgeryIndices : IDisposable
{
    private const int Axes = (int)GroupAxis.Channels + 1;

    private readonly Arena _arena;
    private readonly DeviceSpan<int>?[] _indices;

    public SurgeryIndices(IComputeBackend backend, Model model, IReadOnlyList<KeptGroups> keep)
    {
        var elements = new int[]?[keep.Count * Axes];
        for (int l = 0; l < keep.Count; l++)
        {
            var (present, headSize) = (model.Kept[l], model.BaseLayers[l].HeadSize);
            try
            {
                elements[l * Axes + (int)GroupAxis.QueryHeads] = KeptPositions.Elements(KeptPositions.Of(keep[l].QueryHeads, present.QueryHeads), headSize);
                elements[l * Axes + (int)GroupAxis.KeyValueHeads] = KeptPositions.Elements(KeptPositions.Of(keep[l].KeyValueHeads, present.KeyValueHeads), headSize);
                elements[l * Axes + (int)GroupAxis.Channels] = KeptPositions.Of(keep[l].Channels, present.Channels);
            }
            catch (ArgumentException e)
            {
                throw new ArgumentException($"layer {l}: {e.Message}", nameof(keep), e);
            }
        }

        var layout = new ArenaLayout();
        var offsets = elements.Select(e => e is null ? 0 : layout.Reserve<int>(e.Length)).ToArray();
        _arena = backend.Allocate(layout.Bytes);
        _indices = new DeviceSpan<int>?[elements.Length];
        for (int i = 0; i < elements.Length; i++)
        {
            if (elements[i] is not { } values)
                continue;
            var span = new DeviceSpan<int>(_arena, offsets[i], values.Length);
            backend.Upload(span, values.AsSpan());
            _indices[i] = span;
        }
    }

    /// <summary>Indices along an axis; null when all of it stays.</summary>
    public DeviceSpan<int>? Of(int layer, GroupAxis axis) => layer < 0 ? null : _indices[layer * Axes + (int)axis];

    public void Dispose() => _arena.Dispose();
}
