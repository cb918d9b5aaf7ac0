using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Below every score: what a maximum starts from.</summary>
    private const float Lowest = -3e38f;

    /// <summary>Columns that a group sums side by side: 32 bytes, what devices read at a time.</summary>
    private const int ColumnWidth = 8;

    /// <summary>
    /// The sum of every thread's value, pair by pair in a fixed order; each thread of the group gets it. All must call. The group is a power of two
    /// of threads, <paramref name="shared"/> one element for each.
    /// </summary>
    private static float GroupSum(FloatView shared, float value)
    {
        int i = Group.IdxX;
        Group.Barrier(); // the result of the call before may still be read
        shared[i] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (i < half)
                shared[i] += shared[i + half];
            Group.Barrier();
        }

        return shared[0];
    }

    /// <summary>The largest of every thread's value, as <see cref="GroupSum"/>; NaN may be passed over.</summary>
    private static float GroupMax(FloatView shared, float value)
    {
        int i = Group.IdxX;
        Group.Barrier();
        shared[i] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (i < half && shared[i + half] > shared[i])
                shared[i] = shared[i + half];
            Group.Barrier();
        }

        return shared[0];
    }

    /// <summary>
    /// Sums down columns: a group has <see cref="ColumnWidth"/> neighbouring columns, and as many lanes of threads over their rows as
    /// fit; lane i takes the rows i, i + Lanes, ...
    /// </summary>
    private KernelConfig Columns(int columns) => new((columns + ColumnWidth - 1) / ColumnWidth, _group);

    private static int ColumnOf() => Grid.IdxX * ColumnWidth + Group.IdxX % ColumnWidth;

    private static int LaneOf() => Group.IdxX / ColumnWidth;

    private static int Lanes() => Group.DimX / ColumnWidth;

    /// <summary>The sum of the lanes' values in each column, lane by lane; each thread gets that of its column. All must call.</summary>
    private static float LaneSum(FloatView shared, float value)
    {
        Group.Barrier(); // the result of the call before may still be read
        shared[Group.IdxX] = value;
        Group.Barrier();
        float sum = 0;
        for (int i = Group.IdxX % ColumnWidth; i < Group.DimX; i += ColumnWidth)
            sum += shared[i];
        return sum;
    }

    /// <summary>sums += sum over rows of x.</summary>
    private static void ColumnSumKernel(FloatView sums, FloatView x, int rows)
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int D = sums.IntLength, column = ColumnOf();
        float sum = 0;
        for (int row = LaneOf(); row < rows && column < D; row += Lanes())
            sum += x[row * D + column];
        sum = LaneSum(shared, sum);
        if (LaneOf() == 0 && column < D)
            sums[column] += sum;
    }
}
