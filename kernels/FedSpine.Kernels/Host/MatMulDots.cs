using System.Runtime.CompilerServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>
/// Products with few rows against a transposed B, as dot products along k: C (m, n) = alpha * A row m . B row n. Each element has
/// one vector accumulator whose lanes are added at the end, whatever the tile.
/// </summary>
internal static unsafe class MatMulDots<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Rows [startM, endM) by columns [startN, endN) of C. Weights of 16 and 8 bits are widened in registers, as they come from memory.</summary>
    public static void Compute(in MatMulProduct p, int startM, int endM, int startN, int endN)
    {
        switch (p.TypeB)
        {
            case WeightType.F32: Compute<WeightF32>(p, startM, endM, startN, endN); break;
            case WeightType.BF16: Compute<WeightBF16>(p, startM, endM, startN, endN); break;
            default: Compute<WeightQ8>(p, startM, endM, startN, endN); break;
        }
    }

    private static void Compute<TWeight>(in MatMulProduct p, int startM, int endM, int startN, int endN) where TWeight : struct, IWeightFormat
    {
        // Columns outside: a row of weights is read once, however many rows of A there are. The four columns of a tile lie a quarter
        // of the range apart: long streams that the hardware follows from memory, where neighbouring rows end before it has begun.
        int quarter = (endN - startN) / 4;
        for (int n = startN; n < startN + quarter; n++)
        {
            for (int m = startM; m < endM; m += 4)
            {
                switch (endM - m)
                {
                    case >= 4: Tile<Rows4, Rows4, TWeight>(p, m, n, quarter); break;
                    case 3: Tile<Rows3, Rows4, TWeight>(p, m, n, quarter); break;
                    case 2: Tile<Rows2, Rows4, TWeight>(p, m, n, quarter); break;
                    default: Tile<Rows1, Rows4, TWeight>(p, m, n, quarter); break;
                }
            }
        }

        for (int n = startN + 4 * quarter; n < endN; n++)
        {
            for (int m = startM; m < endM; m++)
                Tile<Rows1, Rows1, TWeight>(p, m, n, 0);
        }
    }

    /// <summary>Rows m, m + 1, ... by columns n, n + step, ...</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TRows, TColumns, TWeight>(in MatMulProduct p, int m, int n, int step)
        where TRows : struct, ITileRows where TColumns : struct, ITileRows where TWeight : struct, IWeightFormat
    {
        var zero = TSimd.Zero;
        TVector s00 = zero, s01 = zero, s02 = zero, s03 = zero;
        TVector s10 = zero, s11 = zero, s12 = zero, s13 = zero;
        TVector s20 = zero, s21 = zero, s22 = zero, s23 = zero;
        TVector s30 = zero, s31 = zero, s32 = zero, s33 = zero;
        float* a0 = p.A + m * p.RowA;
        float* a1 = TRows.Count > 1 ? a0 + 1 * p.RowA : a0;
        float* a2 = TRows.Count > 2 ? a0 + 2 * p.RowA : a0;
        float* a3 = TRows.Count > 3 ? a0 + 3 * p.RowA : a0;
        nint row = typeof(TWeight) == typeof(WeightF32) ? p.ColumnB * sizeof(float) : p.RowBytesB;
        byte* b0 = (byte*)p.B + n * row;
        byte* b1 = TColumns.Count > 1 ? b0 + step * row : b0;
        byte* b2 = TColumns.Count > 2 ? b0 + 2 * step * row : b0;
        byte* b3 = TColumns.Count > 3 ? b0 + 3 * step * row : b0;
        float* scales = TWeight.Scales;
        TVector d0 = zero, d1 = zero, d2 = zero, d3 = zero;
        int k = 0;
        for (; k <= p.K - TSimd.Width; k += TSimd.Width)
        {
            nint at = TWeight.Offset(k);
            if (TWeight.HasScale && (uint)k % WeightTypes.BlockLength == 0)
            {
                d0 = TSimd.Broadcast(TWeight.Scale(scales, b0 + at));
                if (TColumns.Count > 1) d1 = TSimd.Broadcast(TWeight.Scale(scales, b1 + at));
                if (TColumns.Count > 2) d2 = TSimd.Broadcast(TWeight.Scale(scales, b2 + at));
                if (TColumns.Count > 3) d3 = TSimd.Broadcast(TWeight.Scale(scales, b3 + at));
            }

            var y0 = TWeight.Load<TSimd, TVector>(b0 + at);
            var y1 = TColumns.Count > 1 ? TWeight.Load<TSimd, TVector>(b1 + at) : zero;
            var y2 = TColumns.Count > 2 ? TWeight.Load<TSimd, TVector>(b2 + at) : zero;
            var y3 = TColumns.Count > 3 ? TWeight.Load<TSimd, TVector>(b3 + at) : zero;
            if (TWeight.HasScale)
            {
                y0 = TSimd.Multiply(y0, d0);
                if (TColumns.Count > 1) y1 = TSimd.Multiply(y1, d1);
                if (TColumns.Count > 2) y2 = TSimd.Multiply(y2, d2);
                if (TColumns.Count > 3) y3 = TSimd.Multiply(y3, d3);
            }

            TVector x;
            x = TSimd.Load(a0 + k);
            s00 = TSimd.MultiplyAdd(x, y0, s00);
            if (TColumns.Count > 1) s01 = TSimd.MultiplyAdd(x, y1, s01);
            if (TColumns.Count > 2) s02 = TSimd.MultiplyAdd(x, y2, s02);
            if (TColumns.Count > 3) s03 = TSimd.MultiplyAdd(x, y3, s03);
            if (TRows.Count > 1)
            {
                x = TSimd.Load(a1 + k);
                s10 = TSimd.MultiplyAdd(x, y0, s10);
                if (TColumns.Count > 1) s11 = TSimd.MultiplyAdd(x, y1, s11);
                if (TColumns.Count > 2) s12 = TSimd.MultiplyAdd(x, y2, s12);
                if (TColumns.Count > 3) s13 = TSimd.MultiplyAdd(x, y3, s13);
            }

            if (TRows.Count > 2)
            {
                x = TSimd.Load(a2 + k);
                s20 = TSimd.MultiplyAdd(x, y0, s20);
                if (TColumns.Count > 1) s21 = TSimd.MultiplyAdd(x, y1, s21);
                if (TColumns.Count > 2) s22 = TSimd.MultiplyAdd(x, y2, s22);
                if (TColumns.Count > 3) s23 = TSimd.MultiplyAdd(x, y3, s23);
            }

            if (TRows.Count > 3)
            {
                x = TSimd.Load(a3 + k);
                s30 = TSimd.MultiplyAdd(x, y0, s30);
                if (TColumns.Count > 1) s31 = TSimd.MultiplyAdd(x, y1, s31);
                if (TColumns.Count > 2) s32 = TSimd.MultiplyAdd(x, y2, s32);
                if (TColumns.Count > 3) s33 = TSimd.MultiplyAdd(x, y3, s33);
            }
        }

        Store<TWeight>(p, m, n, TSimd.Sum(s00), a0, b0, k);
        if (TColumns.Count > 1)
            Store<TWeight>(p, m, n + step, TSimd.Sum(s01), a0, b1, k);
        if (TColumns.Count > 2)
            Store<TWeight>(p, m, n + 2 * step, TSimd.Sum(s02), a0, b2, k);
        if (TColumns.Count > 3)
            Store<TWeight>(p, m, n + 3 * step, TSimd.Sum(s03), a0, b3, k);
        if (TRows.Count > 1)
            Store<TWeight>(p, m + 1, n, TSimd.Sum(s10), a1, b0, k);
        if (TRows.Count > 1 && TColumns.Count > 1)
            Store<TWeight>(p, m + 1, n + step, TSimd.Sum(s11), a1, b1, k);
        if (TRows.Count > 1 && TColumns.Count > 2)
            Store<TWeight>(p, m + 1, n + 2 * step, TSimd.Sum(s12), a1, b2, k);
        if (TRows.Count > 1 && TColumns.Count > 3)
            Store<TWeight>(p, m + 1, n + 3 * step, TSimd.Sum(s13), a1, b3, k);
        if (TRows.Count > 2)
            Store<TWeight>(p, m + 2, n, TSimd.Sum(s20), a2, b0, k);
        if (TRows.Count > 2 && TColumns.Count > 1)
            Store<TWeight>(p, m + 2, n + step, TSimd.Sum(s21), a2, b1, k);
        if (TRows.Count > 2 && TColumns.Count > 2)
            Store<TWeight>(p, m + 2, n + 2 * step, TSimd.Sum(s22), a2, b2, k);
        if (TRows.Count > 2 && TColumns.Count > 3)
            Store<TWeight>(p, m + 2, n + 3 * step, TSimd.Sum(s23), a2, b3, k);
        if (TRows.Count > 3)
            Store<TWeight>(p, m + 3, n, TSimd.Sum(s30), a3, b0, k);
        if (TRows.Count > 3 && TColumns.Count > 1)
            Store<TWeight>(p, m + 3, n + step, TSimd.Sum(s31), a3, b1, k);
        if (TRows.Count > 3 && TColumns.Count > 2)
            Store<TWeight>(p, m + 3, n + 2 * step, TSimd.Sum(s32), a3, b2, k);
        if (TRows.Count > 3 && TColumns.Count > 3)
            Store<TWeight>(p, m + 3, n + 3 * step, TSimd.Sum(s33), a3, b3, k);
    }

    /// <summary>Adds what is left of k and writes the element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TWeight>(in MatMulProduct p, int m, int n, float sum, float* a, byte* b, int k) where TWeight : struct, IWeightFormat
    {
        for (; k < p.K; k++)
            sum += a[k] * WeightRows<SimdScalar, float>.Load<TWeight>(b, k);
        float* c = p.C + m * p.RowC + n;
        *c = p.Alpha * sum + (p.Accumulate ? *c : p.Bias != null ? p.Bias[n] : 0);
    }
}
