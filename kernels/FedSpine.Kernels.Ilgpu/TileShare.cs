using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

/// <summary>
/// The elements (or words) of a tile that one thread moves into shared memory: the first at (I, K), each further one a step on. Neighbouring threads read along
/// the dimension whose elements lie together in the matrix: along k, or along its rows i.
/// </summary>
internal struct TileShare
{
    public int I, K, StepI, StepK;
    public int AlongK; // 1 or 0: rows of the matrix in memory are i, or k

    /// <param name="rows">Rows of the tile.</param>
    /// <param name="depth">Its elements, or words, along k.</param>
    public static TileShare Of(int rows, int depth, int alongK) => Of(rows, depth, alongK, Group.IdxX, Group.DimX);

    /// <param name="threads">A multiple of the side that lies together: depth, or rows.</param>
    public static TileShare Of(int rows, int depth, int alongK, int thread, int threads) => alongK != 0
        ? new() { I = thread / depth, K = thread % depth, StepI = threads / depth, AlongK = 1 }
        : new() { I = thread % rows, K = thread / rows, StepK = threads / rows };

    public readonly TileShare Skip(int elements) => new() { I = I + elements * StepI, K = K + elements * StepK, StepI = StepI, StepK = StepK, AlongK = AlongK };
}

/// <summary>
/// The part of a matrix that tiles are filled from: rows of i below Rows, k below Depth, zeros outside. There the first element is read and not used, without a
/// branch, for all of a thread's reads are to be on their way before the first is waited for.
/// </summary>
internal struct TileBounds
{
    public int Row0, Rows; // the tile's first row
    public int K0, Depth;  // its first k

    public readonly RawElement Load<TWeight>(DeviceWeight w, TileShare share, int i, int k) where TWeight : struct, IWeightReader
    {
        int mask = Inside(i, k) ? -1 : 0, along = share.AlongK;
        i += Row0;
        k += K0;
        int row = k + along * (i - k);
        return TWeight.Load(w, row & mask, (i + k - row) & mask);
    }

    public readonly float Decode<TWeight>(RawElement raw, TileShare share, int i, int k, float scale) where TWeight : struct, IWeightReader
    {
        int column = i + Row0 + share.AlongK * (k + K0 - i - Row0);
        float value = scale * TWeight.Decode(raw, column);
        return Inside(i, k) ? value : 0;
    }

    private readonly bool Inside(int i, int k) => (Row0 + i < Rows) & (K0 + k < Depth); // no short cut: that would be a branch
}
