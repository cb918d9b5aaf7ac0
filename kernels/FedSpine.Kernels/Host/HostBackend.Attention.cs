using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Queries handled together: their scores against all keys are the only T-wide buffer there is.</summary>
    private const int QueryBlock = 48;

    public void AttentionForward(DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v,
        DeviceSpan<int> lengths, in AttentionShape shape)
    {
        RequireAttention(q, k, v, lengths, shape);
        RequireLength(o, q.Length);
        RequireLength(lse, (long)shape.B * shape.QueryHeads * shape.T);

        var body = new AttentionForwardBody
        {
            Heads = new AttentionHeads(shape, Pointer(lengths)),
            O = Pointer(o),
            Lse = Pointer(lse),
            Q = Pointer(q),
            K = Pointer(k),
            V = Pointer(v),
        };
        ReserveWorkerScratch(AttentionForwardBody.ScratchFor(body.Heads));
        body.Scratch = _workerScratch;
        body.ScratchLength = _workerLength;
        _pool.For(shape.B * shape.QueryHeads, 1, ref body);
    }

    public void AttentionBackward(DeviceSpan<float> dq, DeviceSpan<float> dk, DeviceSpan<float> dv, DeviceSpan<float> d_o, DeviceSpan<float> q,
        DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<float> o, DeviceSpan<float> lse, DeviceSpan<int> lengths, in AttentionShape shape)
    {
        RequireAttention(q, k, v, lengths, shape);
        RequireLength(dq, q.Length);
        RequireLength(dk, k.Length);
        RequireLength(dv, v.Length);
        RequireLength(d_o, q.Length);
        RequireLength(o, q.Length);
        RequireLength(lse, (long)shape.B * shape.QueryHeads * shape.T);

        var body = new AttentionBackwardBody
        {
            Heads = new AttentionHeads(shape, Pointer(lengths)),
            DQ = Pointer(dq),
            DK = Pointer(dk),
            DV = Pointer(dv),
            DO = Pointer(d_o),
            Q = Pointer(q),
            K = Pointer(k),
            V = Pointer(v),
            O = Pointer(o),
            Lse = Pointer(lse),
        };
        ReserveWorkerScratch(AttentionBackwardBody.ScratchFor(body.Heads));
        body.Scratch = _workerScratch;
        body.ScratchLength = _workerLength;
        // Query heads of a group add to the same dk and dv: one task takes the whole group.
        _pool.For(shape.B * shape.KeyValueHeads, 1, ref body);
    }

    private static void RequireAttention(DeviceSpan<float> q, DeviceSpan<float> k, DeviceSpan<float> v, DeviceSpan<int> lengths, in AttentionShape shape)
    {
        if (shape.B < 0 || shape.T < 0 || shape.HeadSize < 1 || shape.KeyValueHeads < 1 || shape.QueryHeads % shape.KeyValueHeads != 0)
            throw new ArgumentException($"attention over {shape.B} x {shape.T} positions, {shape.QueryHeads} query heads on {shape.KeyValueHeads} key-value heads of size {shape.HeadSize}");
        RequireLength(q, (long)shape.B * shape.T * shape.QueryHeads * shape.HeadSize);
        RequireLength(k, (long)shape.B * shape.T * shape.KeyValueHeads * shape.HeadSize);
        RequireLength(v, k.Length);
        RequireLengths(lengths, shape.B, shape.T);
    }

    /// <summary>The shape as the tasks see it.</summary>
    private readonly struct AttentionHeads(in AttentionShape shape, int* lengths)
    {
        public readonly int* Lengths = lengths;
        public readonly int T = shape.T;
        public readonly int QueryHeads = shape.QueryHeads;
        public readonly int Group = shape.QueryHeads / shape.KeyValueHeads;
        public readonly int D = shape.HeadSize;
        public readonly bool Causal = shape.Causal;
        public readonly float Scale = 1 / MathF.Sqrt(shape.HeadSize);
        public readonly nint QueryRow = (nint)shape.QueryHeads * shape.HeadSize;
        public readonly nint KeyRow = (nint)shape.KeyValueHeads * shape.HeadSize;

        public int KeyValueHeads => QueryHeads / Group;

        /// <summary>
        /// Row stride of a block of scores: whole panels, so that neither products nor row loops have a tail, and off the power of two, so that rows
        /// do not share cache sets.
        /// </summary>
        public int ScoreRow
        {
            get
            {
                int panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
                int row = (T + panel - 1) / panel * panel;
                return row % 256 == 0 ? row + panel : row;
            }
        }

        public long ScoreLength => (long)QueryBlock * ScoreRow;

        /// <summary>Floats of k^T or v^T packed for products with queries.</summary>
        public long PackedByKeys => MatMulBlocks<TSimd, TVector>.PackedLength(T, D);

        /// <summary>Floats of k or v packed for products with scores.</summary>
        public long PackedByFeatures => MatMulBlocks<TSimd, TVector>.PackedLength(D, T);

        public nint QueryOffset(int b, int h) => (nint)b * T * QueryRow + (nint)h * D;

        public nint KeyOffset(int b, int g) => (nint)b * T * KeyRow + (nint)g * D;

        /// <summary>Keys that query <paramref name="t"/> sees.</summary>
        public int KeysOf(int t, int length) => Causal ? t + 1 : length;

        /// <summary>scores (queries, keys) = scale * x y^T, x rows of q or do, y rows of k or v.</summary>
        public MatMulProduct ByKeys(float* x, float* y, int length, float scale, float* scores)
        {
            var p = new MatMulProduct
            {
                A = x, RowA = QueryRow, ColumnA = 1, B = y, RowB = 1, ColumnB = KeyRow, C = scores, RowC = ScoreRow,
                M = length, N = length, K = D, Alpha = scale, RoomyC = true,
            };
            MatMulBlocks<TSimd, TVector>.Plan(ref p);
            return p;
        }

        /// <summary>y (queries, D) = scale * scores x, x rows of k or v, y rows of o or dq.</summary>
        public MatMulProduct ByFeatures(float* scores, float* x, int length, float scale, float* y)
        {
            var p = new MatMulProduct
            {
                A = scores, RowA = ScoreRow, ColumnA = 1, B = x, RowB = KeyRow, ColumnB = 1, C = y, RowC = QueryRow,
                M = length, N = D, K = length, Alpha = scale,
            };
            MatMulBlocks<TSimd, TVector>.Plan(ref p);
            return p;
        }
    }

    /// <summary>One query head: k^T and v are packed once, then blocks of queries pass over them.</summary>
    private struct AttentionForwardBody : IRangeBody
    {
        public AttentionHeads Heads;
        public float* O;
        public float* Lse;
        public float* Q;
        public float* K;
        public float* V;
        public float* Scratch;
        public long ScratchLength;

        public static long ScratchFor(in AttentionHeads heads) =>
            heads.ScoreLength + heads.PackedByKeys + heads.PackedByFeatures + MatMulBlocks<TSimd, TVector>.ComputeScratch;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
                Head(i / Heads.QueryHeads, i % Heads.QueryHeads, Scratch + worker * ScratchLength);
        }

        private readonly void Head(int b, int h, float* scores)
        {
            float* packedK = scores + Heads.ScoreLength;
            float* packedV = packedK + Heads.PackedByKeys;
            float* scratch = packedV + Heads.PackedByFeatures;
            int length = Heads.Lengths[b];
            float* o = O + Heads.QueryOffset(b, h);
            float* lse = Lse + ((long)b * Heads.QueryHeads + h) * Heads.T;

            nint keys = Heads.KeyOffset(b, h / Heads.Group);
            var scoreProduct = Heads.ByKeys(Q + Heads.QueryOffset(b, h), K + keys, length, Heads.Scale, scores);
            var outputProduct = Heads.ByFeatures(scores, V + keys, length, 1, o);
            MatMulBlocks<TSimd, TVector>.PackB(scoreProduct, 0, length, packedK);
            MatMulBlocks<TSimd, TVector>.PackB(outputProduct, 0, Heads.D, packedV);

            var sums = stackalloc float[QueryBlock];
            for (int t = 0; t < length; t += QueryBlock)
            {
                int queries = Math.Min(QueryBlock, length - t), seen = Heads.KeysOf(t + queries - 1, length);
                MatMulBlocks<TSimd, TVector>.Compute(scoreProduct, 0, queries, 0, seen, packedK, scratch);
                for (int i = 0; i < queries; i++)
                    lse[t + i] = Exponentials(scores + i * Heads.ScoreRow, Heads.KeysOf(t + i, length), seen, out sums[i]);

                outputProduct.K = seen;
                MatMulBlocks<TSimd, TVector>.Compute(outputProduct, 0, queries, 0, Heads.D, packedV, scratch);
                for (int i = 0; i < queries; i++)
                    ScaleRow(outputProduct.C + i * Heads.QueryRow, 1 / sums[i], Heads.D);
                scoreProduct.A += QueryBlock * Heads.QueryRow;
                outputProduct.C += QueryBlock * Heads.QueryRow;
            }

            for (int t = length; t < Heads.T; t++)
            {
                new Span<float>(o + t * Heads.QueryRow, Heads.D).Clear();
                lse[t] = 0;
            }
        }
    }

    /// <summary>One key-value head with its query heads, one after the other.</summary>
    private struct AttentionBackwardBody : IRangeBody
    {
        public AttentionHeads Heads;
        public float* DQ;
        public float* DK;
        public float* DV;
        public float* DO;
        public float* Q;
        public float* K;
        public float* V;
        public float* O;
        public float* Lse;
        public float* Scratch;
        public long ScratchLength;

        public static long ScratchFor(in AttentionHeads heads) => 2 * heads.ScoreLength + 2 * heads.PackedByKeys + heads.PackedByFeatures
            + MatMulBlocks<TSimd, TVector>.SerialScratch(heads.D, QueryBlock);

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
                Group(i / Heads.KeyValueHeads, i % Heads.KeyValueHeads, Scratch + worker * ScratchLength);
        }

        private readonly void Group(int b, int g, float* scores)
        {
            float* packedK = scores + 2 * Heads.ScoreLength;
            float* packedV = packedK + Heads.PackedByKeys;
            float* packedFeatures = packedV + Heads.PackedByKeys;
            int length = Heads.Lengths[b];
            nint keys = Heads.KeyOffset(b, g);
            for (int t = 0; t < Heads.T; t++)
            {
                new Span<float>(DK + keys + t * Heads.KeyRow, Heads.D).Clear();
                new Span<float>(DV + keys + t * Heads.KeyRow, Heads.D).Clear();
            }

            for (int h = g * Heads.Group; h < (g + 1) * Heads.Group; h++)
            {
                nint queries = Heads.QueryOffset(b, h);
                var scoreProduct = Heads.ByKeys(Q + queries, K + keys, length, Heads.Scale, scores);
                var gradientProduct = Heads.ByKeys(DO + queries, V + keys, length, 1, scores + Heads.ScoreLength);
                var queryProduct = Heads.ByFeatures(scores + Heads.ScoreLength, K + keys, length, Heads.Scale, DQ + queries);
                if (h == g * Heads.Group)
                {
                    MatMulBlocks<TSimd, TVector>.PackB(scoreProduct, 0, length, packedK);
                    MatMulBlocks<TSimd, TVector>.PackB(gradientProduct, 0, length, packedV);
                    MatMulBlocks<TSimd, TVector>.PackB(queryProduct, 0, Heads.D, packedFeatures);
                }

                float* lse = Lse + ((long)b * Heads.QueryHeads + h) * Heads.T;
                for (int t = 0; t < length; t += QueryBlock)
                    Block(ref scoreProduct, ref gradientProduct, ref queryProduct, packedK, packedV, packedFeatures, lse, keys, queries, t, length);
                for (int t = length; t < Heads.T; t++)
                    new Span<float>(DQ + queries + t * Heads.QueryRow, Heads.D).Clear();
            }
        }

        /// <summary>
        /// Queries from t on: P from lse, dP = do v^T, dS = P (dP - delta) with delta = sum over d of do * o; then
        /// dq = dS k, dk += dS^T q, dv += P^T do.
        /// </summary>
        private readonly void Block(ref MatMulProduct scoreProduct, ref MatMulProduct gradientProduct, ref MatMulProduct queryProduct,
            float* packedK, float* packedV, float* packedFeatures, float* lse, nint keyOffset, nint queryOffset, int t, int length)
        {
            float* scratch = packedFeatures + Heads.PackedByFeatures;
            int queries = Math.Min(QueryBlock, length - t), seen = Heads.KeysOf(t + queries - 1, length);
            nint at = queryOffset + t * Heads.QueryRow, row = Heads.ScoreRow;
            float* p = scoreProduct.C;
            float* ds = gradientProduct.C;

            scoreProduct.A = Q + at;
            MatMulBlocks<TSimd, TVector>.Compute(scoreProduct, 0, queries, 0, seen, packedK, scratch);
            gradientProduct.A = DO + at;
            MatMulBlocks<TSimd, TVector>.Compute(gradientProduct, 0, queries, 0, seen, packedV, scratch);
            for (int i = 0; i < queries; i++)
            {
                float delta = Dot(DO + at + i * Heads.QueryRow, O + at + i * Heads.QueryRow, Heads.D);
                ScoreGradients(p + i * row, ds + i * row, lse[t + i], delta, Heads.KeysOf(t + i, length), seen);
            }

            queryProduct.C = DQ + at;
            queryProduct.K = seen;
            MatMulBlocks<TSimd, TVector>.Compute(queryProduct, 0, queries, 0, Heads.D, packedFeatures, scratch);

            var keyProduct = new MatMulProduct
            {
                A = ds, RowA = 1, ColumnA = row, B = Q + at, RowB = Heads.QueryRow, ColumnB = 1, C = DK + keyOffset, RowC = Heads.KeyRow,
                M = seen, N = Heads.D, K = queries, Alpha = Heads.Scale, Accumulate = true,
            };
            MatMulBlocks<TSimd, TVector>.Serial(keyProduct, scratch);
            keyProduct.A = p;
            keyProduct.B = DO + at;
            keyProduct.C = DV + keyOffset;
            keyProduct.Alpha = 1;
            MatMulBlocks<TSimd, TVector>.Serial(keyProduct, scratch);
        }
    }

    /// <summary>
    /// x = e^(x - max) in [0, n), 0 from there to <paramref name="end"/>; returns log-sum-exp. Runs in whole vectors: x holds finite
    /// values up to the next multiple of the width.
    /// </summary>
    private static float Exponentials(float* x, int n, int end, out float sum)
    {
        int whole = n & -TSimd.Width;
        TVector keep = FirstLanes(n - whole), last = TSimd.Zero;
        var m = TSimd.Broadcast(MaskedScore);
        if (whole < n)
            m = last = Masked(TSimd.Load(x + whole), keep);
        for (int i = 0; i < whole; i += TSimd.Width)
            m = TSimd.Max(m, TSimd.Load(x + i));
        float max = TSimd.MaxLane(m);

        var total = TSimd.Zero;
        for (int i = 0; i < whole; i += TSimd.Width)
        {
            var e = ShiftedExponential(TSimd.Load(x + i), max);
            TSimd.Store(x + i, e);
            total = TSimd.Add(total, e);
        }

        if (whole < n)
        {
            last = TSimd.Multiply(ShiftedExponential(last, max), keep);
            TSimd.Store(x + whole, last);
            total = TSimd.Add(total, last);
            whole += TSimd.Width;
        }

        Clear(x, whole, end);
        sum = TSimd.Sum(total);
        return max + MathF.Log(sum);
    }

    /// <summary>Scores become p = e^(score - lse), and ds = p (dp - delta); both 0 in [n, end). Whole vectors, as above.</summary>
    private static void ScoreGradients(float* p, float* ds, float lse, float delta, int n, int end)
    {
        int i = 0;
        for (; i < n; i += TSimd.Width)
        {
            var e = TSimd.Load(p + i);
            if (n - i >= TSimd.Width)
            {
                e = ShiftedExponential(e, lse);
            }
            else
            {
                var keep = FirstLanes(n - i);
                e = TSimd.Multiply(ShiftedExponential(Masked(e, keep), lse), keep);
            }

            TSimd.Store(p + i, e);
            TSimd.Store(ds + i, TSimd.Multiply(e, TSimd.Subtract(TSimd.Load(ds + i), TSimd.Broadcast(delta))));
        }

        Clear(p, i, end);
        Clear(ds, i, end);
    }

    /// <summary>e^(x - shift), at least e^-87: denormal numbers would cost more than the whole row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector ShiftedExponential(TVector x, float shift) =>
        VectorMath.Exp<TSimd, TVector>(TSimd.Max(TSimd.Broadcast(-87f), TSimd.Subtract(x, TSimd.Broadcast(shift))));

    /// <summary>x = 0 in [start, end) and on to the end of the last vector.</summary>
    private static void Clear(float* x, int start, int end)
    {
        for (; start < end; start += TSimd.Width)
            TSimd.Store(x + start, TSimd.Zero);
    }

    private const float MaskedScore = -1e30f;

    /// <summary>x where <paramref name="keep"/> is 1, far below every score where it is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Masked(TVector x, TVector keep) =>
        TSimd.MultiplyAdd(TSimd.Subtract(keep, TSimd.Broadcast(1)), TSimd.Broadcast(-MaskedScore), x);

    /// <summary>1 in the first n lanes, 0 in the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector FirstLanes(int n) =>
        TSimd.Load((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(OnesThenZeros)) + 16 - n);

    /// <summary>As long as two of the widest vectors; constant data, which never moves.</summary>
    private static ReadOnlySpan<float> OnesThenZeros =>
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
}
