using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, IntView, FloatView, int, int> EmbeddingForwardLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, IntView, FloatView, int, int>(EmbeddingForwardKernel);

    private Action<KernelConfig, FloatView, IntView, FloatView, int, int> EmbeddingBackwardLauncher =>
        field ??= _accelerator.LoadStreamKernel<FloatView, IntView, FloatView, int, int>(EmbeddingBackwardKernel);

    public void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, WeightSpan table, int rows, int D, bool accumulate = false)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(ids, rows);
        var floats = Floats(table);
        RowsOf(floats, D, nameof(table));
        if (!y.IsEmpty)
            EmbeddingForwardLauncher(Elements(y.Length), View(y), View(ids), View(floats), D, accumulate ? 1 : 0);
    }

    public void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D)
    {
        RequireLength(ids, rows);
        RequireLength(dy, (long)rows * D);
        RowsOf(dtable, D);
        if (rows > 0)
            EmbeddingBackwardLauncher(Elements(D), View(dtable), View(ids), View(dy), rows, D);
    }

    /// <summary>One thread per element of y. An id outside the table gives NaN.</summary>
    private static void EmbeddingForwardKernel(FloatView y, IntView ids, FloatView table, int D, int accumulate)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= y.IntLength)
            return;
        int id = ids[i / D];
        float value = float.NaN;
        if (id >= 0 && id < table.IntLength / D)
            value = table[id * D + i % D];
        if (accumulate != 0)
            value += y[i];
        y[i] = value;
    }

    /// <summary>One thread per column: rows that share an id meet in one thread, in order. An id outside the table is skipped.</summary>
    private static void EmbeddingBackwardKernel(FloatView dtable, IntView ids, FloatView dy, int rows, int D)
    {
        int column = Grid.GlobalIndex.X;
        if (column >= D)
            return;
        for (int row = 0; row < rows; row++)
        {
            int id = ids[row];
            if (id >= 0 && id < dtable.IntLength / D)
                dtable[id * D + column] += dy[row * D + column];
        }
    }
}
