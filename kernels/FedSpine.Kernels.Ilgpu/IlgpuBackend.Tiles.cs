using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    internal static DeviceWeight MatrixA(FloatView a, DeviceWeight b, in MatMulArguments p) => new()
    {
        Floats = a, Halves = b.Halves, Offset = Grid.IdxZ * p.BatchA, RowStride = p.ColumnA == 1 ? p.RowA : p.ColumnA,
    };

    internal static DeviceWeight MatrixTailA(FloatView a, DeviceWeight b, in MatMulArguments p) => new() { Floats = a, Halves = b.Halves, RowStride = p.TailK };

    internal static DeviceWeight MatrixTailB(FloatView tail, DeviceWeight b, in MatMulArguments p) =>
        new() { Floats = tail, Halves = b.Halves, RowStride = p.TailRowB == 1 ? p.TailColumnB : p.TailRowB };

    /// <summary>Four elements of a thread's share.</summary>
    private static RawFour LoadFour<TWeight>(DeviceWeight w, TileBounds bounds, TileShare share) where TWeight : struct, IWeightReader => new()
    {
        X = bounds.Load<TWeight>(w, share, share.I, share.K),
        Y = bounds.Load<TWeight>(w, share, share.I + share.StepI, share.K + share.StepK),
        Z = bounds.Load<TWeight>(w, share, share.I + 2 * share.StepI, share.K + 2 * share.StepK),
        W = bounds.Load<TWeight>(w, share, share.I + 3 * share.StepI, share.K + 3 * share.StepK),
    };

    /// <summary>tile[k, i] = what was loaded.</summary>
    private static void StoreFour<TWeight>(FloatView tile, int stride, TileBounds bounds, TileShare share, RawFour raw, float scale) where TWeight : struct, IWeightReader
    {
        int at = share.K * stride + share.I, step = share.StepK * stride + share.StepI;
        tile[at] = bounds.Decode<TWeight>(raw.X, share, share.I, share.K, scale);
        tile[at + step] = bounds.Decode<TWeight>(raw.Y, share, share.I + share.StepI, share.K + share.StepK, scale);
        tile[at + 2 * step] = bounds.Decode<TWeight>(raw.Z, share, share.I + 2 * share.StepI, share.K + 2 * share.StepK, scale);
        tile[at + 3 * step] = bounds.Decode<TWeight>(raw.W, share, share.I + 3 * share.StepI, share.K + 3 * share.StepK, scale);
    }

    /// <summary>Four elements on their way to shared memory.</summary>
    private struct RawFour
    {
        public RawElement X, Y, Z, W;
    }

    /// <summary>Four neighbours in shared memory, read in one access.</summary>
    private struct Four
    {
        public float X, Y, Z, W;

        /// <summary>sum + a b.</summary>
        public static Four Add(Four sum, float a, Four b) => new() { X = sum.X + a * b.X, Y = sum.Y + a * b.Y, Z = sum.Z + a * b.Z, W = sum.W + a * b.W };
    }
}
