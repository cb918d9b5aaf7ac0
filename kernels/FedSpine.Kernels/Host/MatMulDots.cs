using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

/// <summary>
/// Products with few rows against a transposed B, as dot products along k: C (m, n) = alpha * A row m . B row n. Each element has
/// one vector accumulator whose lanes are added at the end, whatever the tile. Where weights have scales, a block is summed first and
/// scaled then: s += d * (x . y).
/// </summary>
internal static unsafe class MatMulDots<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>
    /// Bytes that a row of weights is fetched ahead of its use: six lines of each of four rows are about as many as a core can have
    /// under way.
    /// </summary>
    private const int Ahead = 384;

    private const int LineBytes = 64;

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
                    case >= 4: Tiles<Rows4, TWeight>(p, m, n, quarter); break;
                    case 3: Tiles<Rows3, TWeight>(p, m, n, quarter); break;
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

    /// <summary>Four columns at once where the machine has registers for their sums, in two tiles where it has 16.</summary>
    private static void Tiles<TRows, TWeight>(in MatMulProduct p, int m, int n, int step) where TRows : struct, ITileRows where TWeight : struct, IWeightFormat
    {
        if (typeof(TVector) == typeof(Vector512<float>))
        {
            Tile<TRows, Rows4, TWeight>(p, m, n, step);
            return;
        }

        Tile<TRows, Rows2, TWeight>(p, m, n, step);
        Tile<TRows, Rows2, TWeight>(p, m, n + 2 * step, step);
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
        int k = 0;
        for (; TWeight.HasScale && k <= p.K - WeightTypes.BlockLength; k += WeightTypes.BlockLength)
        {
            nint at = TWeight.Offset(k);
            Fetch(b0 + at);
            Block<TRows, TWeight>(ref s00, ref s10, ref s20, ref s30, b0 + at, scales, a0 + k, a1 + k, a2 + k, a3 + k);
            if (TColumns.Count > 1)
            {
                Fetch(b1 + at);
                Block<TRows, TWeight>(ref s01, ref s11, ref s21, ref s31, b1 + at, scales, a0 + k, a1 + k, a2 + k, a3 + k);
            }

            if (TColumns.Count > 2)
            {
                Fetch(b2 + at);
                Block<TRows, TWeight>(ref s02, ref s12, ref s22, ref s32, b2 + at, scales, a0 + k, a1 + k, a2 + k, a3 + k);
            }

            if (TColumns.Count > 3)
            {
                Fetch(b3 + at);
                Block<TRows, TWeight>(ref s03, ref s13, ref s23, ref s33, b3 + at, scales, a0 + k, a1 + k, a2 + k, a3 + k);
            }
        }

        for (; !TWeight.HasScale && k <= p.K - TSimd.Width; k += TSimd.Width)
        {
            nint at = TWeight.Offset(k);
            if (TWeight.Offset(TSimd.Width) >= LineBytes || at % LineBytes == 0)
            {
                Fetch(b0 + at);
                if (TColumns.Count > 1) Fetch(b1 + at);
                if (TColumns.Count > 2) Fetch(b2 + at);
                if (TColumns.Count > 3) Fetch(b3 + at);
            }

            var y0 = TWeight.Load<TSimd, TVector>(b0 + at);
            var y1 = TColumns.Count > 1 ? TWeight.Load<TSimd, TVector>(b1 + at) : zero;
            var y2 = TColumns.Count > 2 ? TWeight.Load<TSimd, TVector>(b2 + at) : zero;
            var y3 = TColumns.Count > 3 ? TWeight.Load<TSimd, TVector>(b3 + at) : zero;
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

        Store<TColumns, TWeight>(p, m, n, step, Sums(s00, s01, s02, s03), a0, b0, b1, b2, b3, k);
        if (TRows.Count > 1) Store<TColumns, TWeight>(p, m + 1, n, step, Sums(s10, s11, s12, s13), a1, b0, b1, b2, b3, k);
        if (TRows.Count > 2) Store<TColumns, TWeight>(p, m + 2, n, step, Sums(s20, s21, s22, s23), a2, b0, b1, b2, b3, k);
        if (TRows.Count > 3) Store<TColumns, TWeight>(p, m + 3, n, step, Sums(s30, s31, s32, s33), a3, b0, b1, b2, b3, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* at)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(at + Ahead);
    }

    /// <summary>s0, s1, ... += the scale of a block of weights times the block's products with each row of A.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block<TRows, TWeight>(ref TVector s0, ref TVector s1, ref TVector s2, ref TVector s3, byte* b, float* scales,
        float* a0, float* a1, float* a2, float* a3)
        where TRows : struct, ITileRows where TWeight : struct, IWeightFormat
    {
        TVector t0 = TSimd.Zero, t1 = t0, t2 = t0, t3 = t0;
        for (int k = 0; k < WeightTypes.BlockLength; k += TSimd.Width)
        {
            var y = TWeight.Load<TSimd, TVector>(b + k);
            t0 = TSimd.MultiplyAdd(TSimd.Load(a0 + k), y, t0);
            if (TRows.Count > 1) t1 = TSimd.MultiplyAdd(TSimd.Load(a1 + k), y, t1);
            if (TRows.Count > 2) t2 = TSimd.MultiplyAdd(TSimd.Load(a2 + k), y, t2);
            if (TRows.Count > 3) t3 = TSimd.MultiplyAdd(TSimd.Load(a3 + k), y, t3);
        }

        var d = TSimd.Broadcast(TWeight.Scale(scales, b));
        s0 = TSimd.MultiplyAdd(t0, d, s0);
        if (TRows.Count > 1) s1 = TSimd.MultiplyAdd(t1, d, s1);
        if (TRows.Count > 2) s2 = TSimd.MultiplyAdd(t2, d, s2);
        if (TRows.Count > 3) s3 = TSimd.MultiplyAdd(t3, d, s3);
    }

    /// <summary>
    /// The sums of four vectors' lanes: at the end of a short row (a head's 64) they cost more than the row. One vector is summed in the
    /// same order whichever place it has.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sums(TVector s0, TVector s1, TVector s2, TVector s3)
    {
        Vector128<float> x = Fold(s0), y = Fold(s1), z = Fold(s2), w = Fold(s3);
        if (!Sse.IsSupported)
            return Vector128.Create(Sum(x), Sum(y), Sum(z), Sum(w));
        var xy = Sse.UnpackLow(x, y) + Sse.UnpackHigh(x, y); // x0 + x2, y0 + y2, x1 + x3, y1 + y3
        var zw = Sse.UnpackLow(z, w) + Sse.UnpackHigh(z, w);
        return Sse.MoveLowToHigh(xy, zw) + Sse.MoveHighToLow(zw, xy);
    }

    private static float Sum(Vector128<float> x) => (x[0] + x[2]) + (x[1] + x[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(TVector s)
    {
        if (typeof(TVector) == typeof(Vector512<float>))
        {
            var x = Unsafe.BitCast<TVector, Vector512<float>>(s);
            var half = x.GetLower() + x.GetUpper();
            return half.GetLower() + half.GetUpper();
        }

        if (typeof(TVector) == typeof(Vector256<float>))
        {
            var x = Unsafe.BitCast<TVector, Vector256<float>>(s);
            return x.GetLower() + x.GetUpper();
        }

        return typeof(TVector) == typeof(Vector128<float>) ? Unsafe.BitCast<TVector, Vector128<float>>(s) : Vector128.CreateScalar(TSimd.Sum(s));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TColumns, TWeight>(in MatMulProduct p, int m, int n, int step, Vector128<float> sums, float* a, byte* b0, byte* b1, byte* b2, byte* b3, int k)
        where TColumns : struct, ITileRows where TWeight : struct, IWeightFormat
    {
        Store<TWeight>(p, m, n, sums[0], a, b0, k);
        if (TColumns.Count > 1) Store<TWeight>(p, m, n + step, sums[1], a, b1, k);
        if (TColumns.Count > 2) Store<TWeight>(p, m, n + 2 * step, sums[2], a, b2, k);
        if (TColumns.Count > 3) Store<TWeight>(p, m, n + 3 * step, sums[3], a, b3, k);
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
