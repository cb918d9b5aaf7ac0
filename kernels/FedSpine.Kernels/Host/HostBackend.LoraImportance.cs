using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void LoraImportance(DeviceSpan<float> score, in LinearOperands w, DeviceSpan<float> dA, DeviceSpan<float> dB, MatrixAxis axis)
    {
        RequireLength(score, axis == MatrixAxis.Rows ? w.Out : w.In);
        RequireLength(w.Weight, (long)w.Out * w.In);
        RequireLength(w.A, (long)w.Rank * w.In);
        RequireLength(w.B, (long)w.Out * w.Rank);
        RequireLength(dA, (long)w.Rank * w.In);
        RequireLength(dB, (long)w.Out * w.Rank);
        var body = new LoraImportanceBody
        {
            Score = Pointer(score), W = Pointer(w.Weight), A = Pointer(w.A), B = Pointer(w.B), DA = Pointer(dA), DB = Pointer(dB),
            RowBytes = w.Weight.Type.RowBytes(w.In), In = w.In, Out = w.Out, Rank = w.Rank, Scale = w.Scale,
        };
        switch (w.Weight.Type)
        {
            case WeightType.F32: LoraImportance<WeightF32>(body, axis); break;
            case WeightType.BF16: LoraImportance<WeightBF16>(body, axis); break;
            default: LoraImportance<WeightQ8>(body, axis); break;
        }
    }

    private void LoraImportance<TWeight>(in LoraImportanceBody tile, MatrixAxis axis) where TWeight : struct, IWeightFormat
    {
        if (axis == MatrixAxis.Rows)
        {
            var rows = new LoraImportanceRowsBody<TWeight> { Tile = tile };
            ForRows((tile.Out + LoraImportanceBody.Rows - 1) / LoraImportanceBody.Rows, (long)LoraImportanceBody.Rows * tile.In * (tile.Rank + 1), ref rows);
        }
        else
        {
            var columns = new LoraImportanceColumnsBody<TWeight> { Tile = tile };
            ForColumns(tile.In, (long)tile.Out * (tile.Rank + 1), ref columns);
        }
    }

    /// <summary>
    /// I at a few rows and columns, in registers. G = dB A + B dA - dB dA is computed as dB (A - dA) + B dA. Four rows share what is read of
    /// the factors A, which for wide layers come from the second-level cache.
    /// </summary>
    private struct LoraImportanceBody
    {
        /// <summary>Rows of a tile.</summary>
        public const int Rows = 4;

        public float* Score; // (Out) or (In)
        public byte* W;      // (Out, In), rows RowBytes apart
        public long RowBytes;
        public float* A;     // (Rank, In)
        public float* B;     // (Out, Rank)
        public float* DA;    // (Rank, In)
        public float* DB;    // (Out, Rank)
        public int In;
        public int Out;
        public int Rank;
        public float Scale;

        /// <summary>Vectors of a tile: two where the register file holds 32.</summary>
        public static int Vectors
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => typeof(TVector) == typeof(Vector512<float>) ? 2 : 1;
        }

        /// <summary>
        /// Rows row, row + 1, ... by <paramref name="two"/> ? 2 : 1 vectors of columns: I is added to s0, s1, ... by rows, or to c0 and c1 by columns.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Tile<TRows, S, V, TWeight, TAxis>(ref V s0, ref V s1, ref V s2, ref V s3, ref V c0, ref V c1, int row, int column, bool two)
            where TRows : struct, ITileRows where S : struct, ISimd<V> where V : unmanaged where TWeight : struct, IWeightFormat where TAxis : struct, IImportanceAxis
        {
            var zero = S.Zero;
            V g00 = zero, g01 = zero, p00 = zero, p01 = zero;
            V g10 = zero, g11 = zero, p10 = zero, p11 = zero;
            V g20 = zero, g21 = zero, p20 = zero, p21 = zero;
            V g30 = zero, g31 = zero, p30 = zero, p31 = zero;
            float* b = B + (long)row * Rank;
            float* db = DB + (long)row * Rank;
            float* a = A + column;
            float* da = DA + column;
            for (int r = 0; r < Rank; r++, a += In, da += In)
            {
                V a0 = S.Load(a), d0 = S.Load(da), e0 = S.Subtract(a0, d0);
                V a1 = two ? S.Load(a + S.Width) : zero, d1 = two ? S.Load(da + S.Width) : zero, e1 = two ? S.Subtract(a1, d1) : zero;
                V x, y;
                x = S.Broadcast(b[0 * Rank + r]); y = S.Broadcast(db[0 * Rank + r]); g00 = S.MultiplyAdd(y, e0, S.MultiplyAdd(x, d0, g00)); p00 = S.MultiplyAdd(x, a0, p00); if (two) { g01 = S.MultiplyAdd(y, e1, S.MultiplyAdd(x, d1, g01)); p01 = S.MultiplyAdd(x, a1, p01); }
                if (TRows.Count > 1) { x = S.Broadcast(b[1 * Rank + r]); y = S.Broadcast(db[1 * Rank + r]); g10 = S.MultiplyAdd(y, e0, S.MultiplyAdd(x, d0, g10)); p10 = S.MultiplyAdd(x, a0, p10); if (two) { g11 = S.MultiplyAdd(y, e1, S.MultiplyAdd(x, d1, g11)); p11 = S.MultiplyAdd(x, a1, p11); } }
                if (TRows.Count > 2) { x = S.Broadcast(b[2 * Rank + r]); y = S.Broadcast(db[2 * Rank + r]); g20 = S.MultiplyAdd(y, e0, S.MultiplyAdd(x, d0, g20)); p20 = S.MultiplyAdd(x, a0, p20); if (two) { g21 = S.MultiplyAdd(y, e1, S.MultiplyAdd(x, d1, g21)); p21 = S.MultiplyAdd(x, a1, p21); } }
                if (TRows.Count > 3) { x = S.Broadcast(b[3 * Rank + r]); y = S.Broadcast(db[3 * Rank + r]); g30 = S.MultiplyAdd(y, e0, S.MultiplyAdd(x, d0, g30)); p30 = S.MultiplyAdd(x, a0, p30); if (two) { g31 = S.MultiplyAdd(y, e1, S.MultiplyAdd(x, d1, g31)); p31 = S.MultiplyAdd(x, a1, p31); } }
            }

            Sum<S, V, TWeight, TAxis>(ref s0, ref c0, ref c1, row + 0, column, g00, p00, g01, p01, two);
            if (TRows.Count > 1) Sum<S, V, TWeight, TAxis>(ref s1, ref c0, ref c1, row + 1, column, g10, p10, g11, p11, two);
            if (TRows.Count > 2) Sum<S, V, TWeight, TAxis>(ref s2, ref c0, ref c1, row + 2, column, g20, p20, g21, p21, two);
            if (TRows.Count > 3) Sum<S, V, TWeight, TAxis>(ref s3, ref c0, ref c1, row + 3, column, g30, p30, g31, p31, two);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Sum<S, V, TWeight, TAxis>(ref V s, ref V c0, ref V c1, int row, int column, V g0, V p0, V g1, V p1, bool two)
            where S : struct, ISimd<V> where V : unmanaged where TWeight : struct, IWeightFormat where TAxis : struct, IImportanceAxis
        {
            byte* w = W + row * RowBytes;
            var i0 = S.Multiply(g0, S.MultiplyAdd(S.Broadcast(Scale), p0, WeightRows<S, V>.Load<TWeight>(w, column)));
            if (TAxis.IsRows)
                s = S.MultiplyAdd(i0, i0, s);
            else
                c0 = S.MultiplyAdd(i0, i0, c0);
            if (!two)
                return;
            var i1 = S.Multiply(g1, S.MultiplyAdd(S.Broadcast(Scale), p1, WeightRows<S, V>.Load<TWeight>(w, column + S.Width)));
            if (TAxis.IsRows)
                s = S.MultiplyAdd(i1, i1, s);
            else
                c1 = S.MultiplyAdd(i1, i1, c1);
        }
    }

    private interface IImportanceAxis
    {
        static abstract bool IsRows { get; }
    }

    private readonly struct ByRows : IImportanceAxis { public static bool IsRows => true; }

    private readonly struct ByColumns : IImportanceAxis { public static bool IsRows => false; }

    /// <summary>Over tiles of four rows.</summary>
    private struct LoraImportanceRowsBody<TWeight> : IRangeBody where TWeight : struct, IWeightFormat
    {
        public LoraImportanceBody Tile;

        public readonly void Invoke(int start, int end, int worker)
        {
            int last = Math.Min(end * LoraImportanceBody.Rows, Tile.Out), row = start * LoraImportanceBody.Rows;
            for (; row + LoraImportanceBody.Rows <= last; row += LoraImportanceBody.Rows)
                Sum<Rows4>(row);
            for (; row < last; row++)
                Sum<Rows1>(row);
        }

        private readonly void Sum<TRows>(int row) where TRows : struct, ITileRows
        {
            TVector zero = TSimd.Zero, s0 = zero, s1 = zero, s2 = zero, s3 = zero, c = zero;
            int j = 0, step = LoraImportanceBody.Vectors * TSimd.Width;
            for (; j <= Tile.In - step; j += step)
                Tile.Tile<TRows, TSimd, TVector, TWeight, ByRows>(ref s0, ref s1, ref s2, ref s3, ref c, ref c, row, j, LoraImportanceBody.Vectors == 2);
            for (; j <= Tile.In - TSimd.Width; j += TSimd.Width)
                Tile.Tile<TRows, TSimd, TVector, TWeight, ByRows>(ref s0, ref s1, ref s2, ref s3, ref c, ref c, row, j, false);
            float t0 = TSimd.Sum(s0), t1 = TSimd.Sum(s1), t2 = TSimd.Sum(s2), t3 = TSimd.Sum(s3), none = 0;
            for (; j < Tile.In; j++)
                Tile.Tile<TRows, SimdScalar, float, TWeight, ByRows>(ref t0, ref t1, ref t2, ref t3, ref none, ref none, row, j, false);
            Tile.Score[row] = t0;
            if (TRows.Count > 1)
                (Tile.Score[row + 1], Tile.Score[row + 2], Tile.Score[row + 3]) = (t1, t2, t3);
        }
    }

    /// <summary>Over columns; all rows pass over a range, so that weights are read along their rows.</summary>
    private struct LoraImportanceColumnsBody<TWeight> : IRangeBody where TWeight : struct, IWeightFormat
    {
        public LoraImportanceBody Tile;

        public readonly void Invoke(int start, int end, int worker)
        {
            new Span<float>(Tile.Score + start, end - start).Clear();
            int row = 0;
            for (; row + LoraImportanceBody.Rows <= Tile.Out; row += LoraImportanceBody.Rows)
                Add<Rows4>(row, start, end);
            for (; row < Tile.Out; row++)
                Add<Rows1>(row, start, end);
        }

        private readonly void Add<TRows>(int row, int start, int end) where TRows : struct, ITileRows
        {
            TVector s = TSimd.Zero;
            int j = start, step = LoraImportanceBody.Vectors * TSimd.Width;
            for (; j <= end - step; j += step)
            {
                TVector c0 = TSimd.Load(Tile.Score + j), c1 = LoraImportanceBody.Vectors == 2 ? TSimd.Load(Tile.Score + j + TSimd.Width) : s;
                Tile.Tile<TRows, TSimd, TVector, TWeight, ByColumns>(ref s, ref s, ref s, ref s, ref c0, ref c1, row, j, LoraImportanceBody.Vectors == 2);
                TSimd.Store(Tile.Score + j, c0);
                if (LoraImportanceBody.Vectors == 2)
                    TSimd.Store(Tile.Score + j + TSimd.Width, c1);
            }

            for (; j <= end - TSimd.Width; j += TSimd.Width)
            {
                TVector c = TSimd.Load(Tile.Score + j);
                Tile.Tile<TRows, TSimd, TVector, TWeight, ByColumns>(ref s, ref s, ref s, ref s, ref c, ref s, row, j, false);
                TSimd.Store(Tile.Score + j, c);
            }

            for (float none = 0; j < end; j++)
                Tile.Tile<TRows, SimdScalar, float, TWeight, ByColumns>(ref none, ref none, ref none, ref none, ref Tile.Score[j], ref none, row, j, false);
        }
    }
}
