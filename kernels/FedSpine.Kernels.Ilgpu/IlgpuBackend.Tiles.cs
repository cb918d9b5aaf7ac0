using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>
    /// The elements of a tile that one thread moves into shared memory: the first at (I, K), each further one a step on. Neighbouring threads read along the
    /// dimension whose elements lie together.
    /// </summary>
    private struct TileShare
    {
        public int I, K, StepI, StepK;

        /// <param name="size">Rows of the tile, which is <see cref="TileK"/> deep.</param>
        /// <param name="alongK">Elements lie together along k, else along the rows.</param>
        public static TileShare Of(int size, bool alongK) => alongK
            ? new() { I = Group.IdxX / TileK, K = Group.IdxX % TileK, StepI = Group.DimX / TileK }
            : new() { I = Group.IdxX % size, K = Group.IdxX / size, StepK = Group.DimX / size };

        public readonly TileShare Skip(int elements) => new() { I = I + elements * StepI, K = K + elements * StepK, StepI = StepI, StepK = StepK };
    }

    /// <summary>A matrix of floats to read tiles from: element (i, k) at Offset + i RowStride + k KStride, for i below Rows and k below K.</summary>
    private struct TileSource
    {
        public FloatView Floats;
        public int Offset, Rows, RowStride, K, KStride;
        public float Scale;

        /// <summary>Scale x[i, k], 0 outside; there the first element is read and not used, for a branch would wait for every read by itself.</summary>
        public readonly float At(int i, int k)
        {
            bool inside = i < Rows && k < K;
            float value = Floats[Offset + (inside ? i * RowStride + k * KStride : 0)];
            return inside ? Scale * value : 0;
        }

        /// <summary>Four elements of a share, all on their way before the first is used.</summary>
        public readonly Four Read(TileShare share, int row0, int k0)
        {
            int i = row0 + share.I, k = k0 + share.K;
            return new Four
            {
                X = At(i, k), Y = At(i + share.StepI, k + share.StepK),
                Z = At(i + 2 * share.StepI, k + 2 * share.StepK), W = At(i + 3 * share.StepI, k + 3 * share.StepK),
            };
        }
    }

    private static TileSource SourceA(FloatView a, in MatMulArguments p) =>
        new() { Floats = a, Offset = Grid.IdxZ * p.BatchA, Rows = p.M, RowStride = p.RowA, K = p.K, KStride = p.ColumnA, Scale = 1 };

    private static TileSource TailA(FloatView a, in MatMulArguments p) =>
        new() { Floats = a, Rows = p.M, RowStride = p.TailK, K = p.TailK, KStride = 1, Scale = p.TailScale };

    private static TileSource TailB(FloatView b, in MatMulArguments p) =>
        new() { Floats = b, Rows = p.N, RowStride = p.TailColumnB, K = p.TailK, KStride = p.TailRowB, Scale = 1 };

    /// <summary>As <see cref="TileSource.Read"/>, of a product's B: rows are its columns.</summary>
    private static Four ReadWeight<TWeight>(DeviceWeight b, in MatMulArguments p, TileShare share, int column0, int k0) where TWeight : struct, IWeightReader
    {
        int i = column0 + share.I, k = k0 + share.K;
        return new Four
        {
            X = WeightAt<TWeight>(b, p, i, k), Y = WeightAt<TWeight>(b, p, i + share.StepI, k + share.StepK),
            Z = WeightAt<TWeight>(b, p, i + 2 * share.StepI, k + 2 * share.StepK), W = WeightAt<TWeight>(b, p, i + 3 * share.StepI, k + 3 * share.StepK),
        };
    }

    private static float WeightAt<TWeight>(DeviceWeight b, in MatMulArguments p, int i, int k) where TWeight : struct, IWeightReader
    {
        bool inside = i < p.N && k < p.K;
        int row = p.TransposedB != 0 ? i : k, column = p.TransposedB != 0 ? k : i;
        float value = TWeight.At(b, inside ? row : 0, inside ? column : 0);
        return inside ? value : 0;
    }

    /// <summary>tile[k, i] = what a share has read.</summary>
    private static void StoreShare(FloatView tile, int stride, TileShare share, Four values)
    {
        int at = share.K * stride + share.I, step = share.StepK * stride + share.StepI;
        tile[at] = values.X;
        tile[at + step] = values.Y;
        tile[at + 2 * step] = values.Z;
        tile[at + 3 * step] = values.W;
    }

    /// <summary>Four floats: neighbours in shared memory, read in one access, or elements on their way there.</summary>
    private struct Four
    {
        public float X, Y, Z, W;

        /// <summary>sum + a b.</summary>
        public static Four Add(Four sum, float a, Four b) => new() { X = sum.X + a * b.X, Y = sum.Y + a * b.Y, Z = sum.Z + a * b.Z, W = sum.W + a * b.W };
    }
}
