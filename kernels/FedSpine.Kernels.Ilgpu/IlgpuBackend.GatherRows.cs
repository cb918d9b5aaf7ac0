using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    private Action<KernelConfig, ArrayView<ushort>, ArrayView<ushort>, IntView, int, int> GatherRowsLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<ArrayView<ushort>, ArrayView<ushort>, IntView, int, int>(GatherRowsKernel));

    public void GatherRows(WeightSpan y, WeightSpan x, DeviceSpan<int> rows, int D)
    {
        if (y.Type != x.Type)
            throw new ArgumentException($"y is of type {y.Type}, x of type {x.Type}");
        if (x.Type == WeightType.F32)
        {
            EmbeddingForward(y.Floats, rows, x, rows.Length, D);
            return;
        }

        RequireLength(y, (long)rows.Length * D);
        int rowsOfX = RowsOf(x.Length, D, nameof(x)), halves = (int)(x.Type.RowBytes(D) / sizeof(ushort));
        if (rows.Length > 0)
            GatherRowsLauncher(Elements(rows.Length * halves), Weight(y, D).Halves, Weight(x, D).Halves, View(rows), rowsOfX, halves);
    }

    /// <summary>One thread per 16 bits of y. A row outside x becomes NaN: all ones are one, in BF16 and as a scale of Q8_0.</summary>
    private static void GatherRowsKernel(ArrayView<ushort> y, ArrayView<ushort> x, IntView rows, int rowsOfX, int halves)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= y.IntLength)
            return;
        int row = rows[i / halves];
        ushort value = ushort.MaxValue;
        if (row >= 0 && row < rowsOfX)
            value = x[row * halves + i % halves];
        y[i] = value;
    }
}
