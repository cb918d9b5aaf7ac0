using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Below every score: what a maximum starts from.</summary>
    private const float Lowest = -3e38f;

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

    /// <summary>sums += sum over rows of x, one thread per column, rows in order.</summary>
    private static void ColumnSumKernel(FloatView sums, FloatView x, int rows)
    {
        int D = sums.IntLength, column = Grid.GlobalIndex.X;
        if (column >= D)
            return;
        float sum = 0;
        for (int row = 0; row < rows; row++)
            sum += x[row * D + column];
        sums[column] += sum;
    }
}
