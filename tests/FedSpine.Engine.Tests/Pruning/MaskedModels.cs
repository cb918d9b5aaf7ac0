using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Pruning;

/// <summary>
/// What physical removal must equal: the same model with closed gates on the dropped heads' attention output and the dropped channels'
/// activation. A gate is closed by zeros on both of its sides (v rows and o columns; gate and up rows and down columns), with their
/// adapters and moments, so that it stays closed while the model trains.
/// </summary>
internal static class MaskedModels
{
    public static Model Mask(Model model, IReadOnlyList<KeptGroups> keep)
    {
        var masked = ModelSurgery.Prune(model, model.Kept); // a copy
        for (int l = 0; l < keep.Count; l++)
        {
            var (layer, present, headSize) = (masked.Layers[l], model.Kept[l], masked.Spec.Layers[l].HeadSize);
            int[] values = Dropped(present.KeyValueHeads, keep[l].KeyValueHeads, headSize);
            int[] heads = Dropped(present.QueryHeads, keep[l].QueryHeads, headSize);
            int[] channels = Dropped(present.Channels, keep[l].Channels, 1);
            ZeroRows(masked, layer.Value, values);
            ZeroColumns(masked, layer.Output, heads);
            ZeroRows(masked, layer.Up, channels);
            if (layer.Gate is { } gate)
                ZeroRows(masked, gate, channels);
            ZeroColumns(masked, layer.Down, channels);
        }

        return masked;
    }

    private static int[] Dropped(int[] present, int[] keep, int size) =>
        [.. Enumerable.Range(0, present.Length).Where(i => !keep.Contains(present[i])).SelectMany(i => Enumerable.Range(i * size, size))];

    private static void ZeroRows(Model model, Linear linear, int[] rows)
    {
        foreach (var p in new[] { linear.Weight, linear.Bias, linear.B })
            Zero(model, p, (row, _) => rows.Contains(row));
    }

    private static void ZeroColumns(Model model, Linear linear, int[] columns)
    {
        foreach (var p in new[] { linear.Weight, linear.A })
            Zero(model, p, (_, column) => columns.Contains(column));
    }

    private static void Zero(Model model, Parameter? p, Func<int, int, bool> at)
    {
        if (p is null)
            return;
        foreach (var span in p.Trainable ? new[] { p.Value, p.FirstMoment, p.SecondMoment } : [p.Value])
            Zero(model, span, p, at);
    }

    private static void Zero(Model model, DeviceSpan<float> span, Parameter p, Func<int, int, bool> at)
    {
        float[] values = model.Backend.Read(span);
        for (int i = 0; i < values.Length; i++)
        {
            if (at(i / p.Columns, i % p.Columns))
                values[i] = 0;
        }

        model.Backend.Upload<float>(span, values);
    }
}
