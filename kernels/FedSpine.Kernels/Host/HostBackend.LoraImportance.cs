using System.Runtime.CompilerServices;
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
            ForRows(tile.Out, (long)tile.In * (tile.Rank + 1), ref rows);
        }
        else
        {
            var columns = new LoraImportanceColumnsBody<TWeight> { Tile = tile };
            ForColumns(tile.In, (long)tile.Out * (tile.Rank + 1), ref columns);
        }
    }

    /// <summary>
    /// I at one row and one vector of columns, in registers. G = dB A + B dA - dB dA is computed as dB (A - dA) + B dA.
    /// </summary>
    private struct LoraImportanceBody
    {
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

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly V At<S, V, TWeight>(int row, int column) where S : struct, ISimd<V> where V : unmanaged where TWeight : struct, IWeightFormat
        {
            float* b = B + (long)row * Rank;
            float* db = DB + (long)row * Rank;
            var g = S.Zero;
            var ba = S.Zero;
            for (int r = 0; r < Rank; r++)
            {
                var a = S.Load(A + (long)r * In + column);
                var da = S.Load(DA + (long)r * In + column);
                var vb = S.Broadcast(b[r]);
                g = S.MultiplyAdd(S.Broadcast(db[r]), S.Subtract(a, da), S.MultiplyAdd(vb, da, g));
                ba = S.MultiplyAdd(vb, a, ba);
            }

            var i = S.Multiply(g, S.MultiplyAdd(S.Broadcast(Scale), ba, WeightRows<S, V>.Load<TWeight>(W + row * RowBytes, column)));
            return S.Multiply(i, i);
        }
    }

    private struct LoraImportanceRowsBody<TWeight> : IRangeBody where TWeight : struct, IWeightFormat
    {
        public LoraImportanceBody Tile;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                var sum = TSimd.Zero;
                int j = 0;
                for (; j <= Tile.In - TSimd.Width; j += TSimd.Width)
                    sum = TSimd.Add(sum, Tile.At<TSimd, TVector, TWeight>(row, j));
                float total = TSimd.Sum(sum);
                for (; j < Tile.In; j++)
                    total += Tile.At<SimdScalar, float, TWeight>(row, j);
                Tile.Score[row] = total;
            }
        }
    }

    private struct LoraImportanceColumnsBody<TWeight> : IRangeBody where TWeight : struct, IWeightFormat
    {
        public LoraImportanceBody Tile;

        public readonly void Invoke(int start, int end, int worker)
        {
            int j = start;
            for (; j <= end - TSimd.Width; j += TSimd.Width)
            {
                var sum = TSimd.Zero;
                for (int row = 0; row < Tile.Out; row++)
                    sum = TSimd.Add(sum, Tile.At<TSimd, TVector, TWeight>(row, j));
                TSimd.Store(Tile.Score + j, sum);
            }

            for (; j < end; j++)
            {
                float total = 0;
                for (int row = 0; row < Tile.Out; row++)
                    total += Tile.At<SimdScalar, float, TWeight>(row, j);
                Tile.Score[j] = total;
            }
        }
    }
}
