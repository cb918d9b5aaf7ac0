using ILGPU;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Queries (or keys) that a group has together: what the others read serves all of them.</summary>
    private const int AttentionRows = 8;

    private const int MaxAttentionGroup = 64;

    /// <summary>Depth of the tiles of rows in shared memory.</summary>
    private const int AttentionDepth = 32;

    /// <summary>A row a thread, one element apart from a multiple of the 32 banks; or two of half the depth.</summary>
    private const int AttentionTileY = MaxAttentionGroup * (AttentionDepth + 2);

    /// <summary>Rows of D elements, Stride apart; beyond Count the last is read and nothing is written. Count is at least 1 where anything is read.</summary>
    private struct AttentionSpan
    {
        public int Start, Stride, Count;

        public readonly int At(int row) => Start + (row < Count ? row : Count - 1) * Stride;

        /// <summary>0 from column D on; there the first is read and not used, without a branch.</summary>
        public readonly float Element(FloatView x, int row, int d, int D)
        {
            float value = x[At(row) + (d < D ? d : 0)];
            return d < D ? value : 0;
        }

        /// <summary>Column d of the first eight rows.</summary>
        public readonly Eight Column(FloatView x, int d) => new()
        {
            R0 = x[At(0) + d], R1 = x[At(1) + d], R2 = x[At(2) + d], R3 = x[At(3) + d], R4 = x[At(4) + d], R5 = x[At(5) + d], R6 = x[At(6) + d], R7 = x[At(7) + d],
        };

        public readonly void Store(FloatView x, int d, Eight values)
        {
            x[Start + d] = values.R0;
            if (Count > 1)
                x[Start + Stride + d] = values.R1;
            if (Count > 2)
                x[Start + 2 * Stride + d] = values.R2;
            if (Count > 3)
                x[Start + 3 * Stride + d] = values.R3;
            if (Count > 4)
                x[Start + 4 * Stride + d] = values.R4;
            if (Count > 5)
                x[Start + 5 * Stride + d] = values.R5;
            if (Count > 6)
                x[Start + 6 * Stride + d] = values.R6;
            if (Count > 7)
                x[Start + 7 * Stride + d] = values.R7;
        }
    }

    /// <summary>A group's eight positions: sequence B, head H (of the queries, or of the keys), positions T0 to T0 + Count.</summary>
    private struct AttentionPlace
    {
        public int B, H, T0, Count;

        public static AttentionPlace Of(in AttentionArguments s, int heads)
        {
            int tiles = (s.T + AttentionRows - 1) / AttentionRows, t0 = Grid.IdxX % tiles * AttentionRows;
            return new() { B = Grid.IdxX / (tiles * heads), H = Grid.IdxX / tiles % heads, T0 = t0, Count = s.T - t0 < AttentionRows ? s.T - t0 : AttentionRows };
        }

        /// <summary>The rows of q (or k) themselves.</summary>
        public readonly AttentionSpan Rows(in AttentionArguments s, int heads) => new() { Start = ((B * s.T + T0) * heads + H) * s.D, Stride = heads * s.D, Count = Count };

        /// <summary>One value a position, as lse has it.</summary>
        public readonly AttentionSpan Row(in AttentionArguments s, int heads) => new() { Start = (B * heads + H) * s.T + T0, Stride = 1, Count = Count };

        /// <summary>The keys that these queries see: how many, from the first on.</summary>
        public readonly int Keys(in AttentionArguments s, int length)
        {
            int last = T0 + Count < length ? T0 + Count : length;
            return T0 >= length ? 0 : s.Causal != 0 ? last : length;
        }

        public readonly AttentionSpan KeyRows(in AttentionArguments s, int keys) =>
            new() { Start = (B * s.T * s.KeyValueHeads + H / (s.QueryHeads / s.KeyValueHeads)) * s.D, Stride = s.KeyValueHeads * s.D, Count = keys };

        /// <summary>1 for each of these queries that sees key j, else 0.</summary>
        public readonly Eight Sees(in AttentionArguments s, int length, int j)
        {
            int end = length - T0, first = j < length ? s.Causal != 0 ? j - T0 : 0 : AttentionRows; // queries first to end - 1 see it
            return Eight.Between(first, end < Count ? end : Count);
        }

        /// <summary>1 for each of these keys that query i sees, else 0.</summary>
        public readonly Eight SeenBy(in AttentionArguments s, int length, int i)
        {
            int end = s.Causal != 0 && i < length ? i + 1 - T0 : length - T0; // keys 0 to end - 1
            return Eight.Between(i < length ? 0 : AttentionRows, end < Count ? end : Count);
        }
    }

    /// <summary>
    /// The products of eight rows of x with one of y, this thread's: row start + its number. Both pass through shared memory, a piece of D at a time. All call.
    /// </summary>
    private static Eight Dots(FloatView tileX, FloatView tileY, FloatView x, AttentionSpan rowsX, FloatView y, AttentionSpan rowsY, int start, int D)
    {
        var eights = tileX.Cast<Eight>();
        Eight sum = default;
        for (int d0 = 0; d0 < D; d0 += AttentionDepth)
        {
            Group.Barrier(); // the piece before is done with
            for (int index = Group.IdxX; index < AttentionRows * AttentionDepth; index += 4 * Group.DimX)
            {
                int i1 = index + Group.DimX, i2 = i1 + Group.DimX, i3 = i2 + Group.DimX;
                float x0 = rowsX.Element(x, index / AttentionDepth, d0 + index % AttentionDepth, D), x1 = rowsX.Element(x, i1 / AttentionDepth, d0 + i1 % AttentionDepth, D);
                float x2 = rowsX.Element(x, i2 / AttentionDepth, d0 + i2 % AttentionDepth, D), x3 = rowsX.Element(x, i3 / AttentionDepth, d0 + i3 % AttentionDepth, D);
                tileX[index % AttentionDepth * AttentionRows + index / AttentionDepth] = x0;
                tileX[i1 % AttentionDepth * AttentionRows + i1 / AttentionDepth] = x1;
                tileX[i2 % AttentionDepth * AttentionRows + i2 / AttentionDepth] = x2;
                tileX[i3 % AttentionDepth * AttentionRows + i3 / AttentionDepth] = x3;
            }

            FillRows(tileY, y, rowsY, start, d0, D, AttentionDepth);
            Group.Barrier();
            int at = Group.IdxX * (AttentionDepth + 1);
            for (int d = 0; d < AttentionDepth; d++)
                sum = Eight.Add(sum, tileY[at + d], eights[d]);
        }

        return sum;
    }

    /// <summary>The product of this thread's rows of x and y. All call.</summary>
    private static float RowDot(FloatView tile, FloatView x, FloatView y, AttentionSpan rows, int start, int D)
    {
        const int Depth = AttentionDepth / 2;
        var second = tile.SubView(MaxAttentionGroup * (Depth + 1), MaxAttentionGroup * (Depth + 1));
        float sum = 0;
        for (int d0 = 0; d0 < D; d0 += Depth)
        {
            Group.Barrier();
            FillRows(tile, x, rows, start, d0, D, Depth);
            FillRows(second, y, rows, start, d0, D, Depth);
            Group.Barrier();
            int at = Group.IdxX * (Depth + 1);
            for (int d = 0; d < Depth; d++)
                sum += tile[at + d] * second[at + d];
        }

        return sum;
    }

    /// <summary>Columns d0 to d0 + depth, zeros from D on, of a row for each thread: neighbouring threads read along a row.</summary>
    private static void FillRows(FloatView tile, FloatView x, AttentionSpan rows, int start, int d0, int D, int depth)
    {
        for (int index = Group.IdxX; index < Group.DimX * depth; index += 8 * Group.DimX)
        {
            // Eight reads are on their way before the first is waited for.
            int i1 = index + Group.DimX, i2 = i1 + Group.DimX, i3 = i2 + Group.DimX, i4 = i3 + Group.DimX, i5 = i4 + Group.DimX, i6 = i5 + Group.DimX, i7 = i6 + Group.DimX;
            float x0 = rows.Element(x, start + index / depth, d0 + index % depth, D), x1 = rows.Element(x, start + i1 / depth, d0 + i1 % depth, D);
            float x2 = rows.Element(x, start + i2 / depth, d0 + i2 % depth, D), x3 = rows.Element(x, start + i3 / depth, d0 + i3 % depth, D);
            float x4 = rows.Element(x, start + i4 / depth, d0 + i4 % depth, D), x5 = rows.Element(x, start + i5 / depth, d0 + i5 % depth, D);
            float x6 = rows.Element(x, start + i6 / depth, d0 + i6 % depth, D), x7 = rows.Element(x, start + i7 / depth, d0 + i7 % depth, D);
            tile[index + index / depth] = x0; // rows of depth + 1
            tile[i1 + i1 / depth] = x1;
            tile[i2 + i2 / depth] = x2;
            tile[i3 + i3 / depth] = x3;
            tile[i4 + i4 / depth] = x4;
            tile[i5 + i5 / depth] = x5;
            tile[i6 + i6 / depth] = x6;
            tile[i7 + i7 / depth] = x7;
        }
    }

    /// <summary>sum + the weights of the group's rows from start on, times column d of these rows, in order.</summary>
    private static Eight AddWeighted(Eight sum, ArrayView<Eight> weights, FloatView x, AttentionSpan rows, int start, int d)
    {
        int count = rows.Count - start < Group.DimX ? rows.Count - start : Group.DimX;
        int at = rows.Start + start * rows.Stride + d, i = 0;
        for (; i + 3 < count; i += 4)
        {
            float x0 = x[at], x1 = x[at + rows.Stride], x2 = x[at + 2 * rows.Stride], x3 = x[at + 3 * rows.Stride];
            sum = Eight.Add(sum, x0, weights[i]);
            sum = Eight.Add(sum, x1, weights[i + 1]);
            sum = Eight.Add(sum, x2, weights[i + 2]);
            sum = Eight.Add(sum, x3, weights[i + 3]);
            at += 4 * rows.Stride;
        }

        for (; i < count; i++, at += rows.Stride)
            sum = Eight.Add(sum, x[at], weights[i]);
        return sum;
    }

    /// <summary>As for one value a thread.</summary>
    private static Eight GroupSum(ArrayView<Eight> shared, Eight value) => GroupFold<FoldSum>(shared, value);

    /// <summary>As for one value a thread.</summary>
    private static Eight GroupMax(ArrayView<Eight> shared, Eight value) => GroupFold<FoldMax>(shared, value);

    private static Eight GroupFold<TFold>(ArrayView<Eight> shared, Eight value) where TFold : struct, IFold
    {
        int i = Group.IdxX;
        Group.Barrier();
        shared[i] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (i < half)
                shared[i] = TFold.Of(shared[i], shared[i + half]);
            Group.Barrier();
        }

        return shared[0];
    }

    private interface IFold
    {
        static abstract Eight Of(Eight a, Eight b);
    }

    private readonly struct FoldSum : IFold
    {
        public static Eight Of(Eight a, Eight b) => Eight.Plus(a, b);
    }

    private readonly struct FoldMax : IFold
    {
        public static Eight Of(Eight a, Eight b) => Eight.Max(a, b);
    }
}
