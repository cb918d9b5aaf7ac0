using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, FloatView, IntView, DeviceWeight, int, int, int> EmbeddingForwardLauncher<TWeight>() where TWeight : struct, IWeightReader
    {
        if (!_launchers.TryGetValue((nameof(EmbeddingForwardKernel), typeof(TWeight)), out var launcher))
        {
            _launchers[(nameof(EmbeddingForwardKernel), typeof(TWeight))] = launcher =
                Loaded(_accelerator.LoadStreamKernel<FloatView, IntView, DeviceWeight, int, int, int>(EmbeddingForwardKernel<TWeight>));
        }

        return (Action<KernelConfig, FloatView, IntView, DeviceWeight, int, int, int>)launcher;
    }

    private Action<KernelConfig, FloatView, IntView, FloatView, int, int> EmbeddingBackwardLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, IntView, FloatView, int, int>(EmbeddingBackwardKernel));

    public void EmbeddingForward(DeviceSpan<float> y, DeviceSpan<int> ids, WeightSpan table, int rows, int D, bool accumulate = false)
    {
        RequireLength(y, (long)rows * D);
        RequireLength(ids, rows);
        int tableRows = RowsOf(table.Length, D, nameof(table));
        if (y.IsEmpty)
            return;
        switch (table.Type)
        {
            case WeightType.F32: Launch<ReadF32>(); break;
            case WeightType.BF16: Launch<ReadBF16>(); break;
            default: Launch<ReadQ8>(); break;
        }

        void Launch<TWeight>() where TWeight : struct, IWeightReader =>
            EmbeddingForwardLauncher<TWeight>()(Elements(y.Length), View(y), View(ids), Weight(table, D), tableRows, D, accumulate ? 1 : 0);
    }

    public void EmbeddingBackward(DeviceSpan<float> dtable, DeviceSpan<int> ids, DeviceSpan<float> dy, int rows, int D)
    {
        RequireLength(ids, rows);
        RequireLength(dy, (long)rows * D);
        RowsOf(dtable.Length, D, nameof(dtable));
        if (rows > 0)
            EmbeddingBackwardLauncher(Elements(D), View(dtable), View(ids), View(dy), rows, D);
    }

    /// <summary>One thread per element of y. An id outside the table gives NaN.</summary>
    private static void EmbeddingForwardKernel<TWeight>(FloatView y, IntView ids, DeviceWeight table, int rows, int D, int accumulate)
        where TWeight : struct, IWeightReader
    {
        int i = Grid.GlobalIndex.X;
        if (i >= y.IntLength)
            return;
        int id = ids[i / D];
        float value = float.NaN;
        if (id >= 0 && id < rows)
            value = TWeight.At(table, id, i % D);
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
