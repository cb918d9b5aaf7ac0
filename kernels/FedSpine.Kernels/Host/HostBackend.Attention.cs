using System.Runtime.CompilerServices;
using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Queries handled together: their scores against all keys are the only T-wide buffer there is.</summary>
    private const int QueryBlock = 96;

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
        ReserveWorkerScratch(body.Heads.ScoreLength + body.Heads.ProductScratch);
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
        ReserveWorkerScratch(2 * body.Heads.ScoreLength + body.Heads.ProductScratch);
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

    /// <summary>The shape as the tasks see it: strides, counts, scratch.</summary>
    private readonly struct AttentionHeads(in AttentionShape shape, int* lengths)
    {
        public readonly int* Lengths = lengths;
        public readonly int T = shape.T;
        public readonly int QueryHeads = shape.QueryHeads;
        public readonly int KeyValueHeads = shape.KeyValueHeads;
        public readonly int D = shape.HeadSize;
        public readonly bool Causal = shape.Causal;

        public int Group => QueryHeads / KeyValueHeads;

        public nint QueryRow => (nint)QueryHeads * D;

        public nint KeyRow => (nint)KeyValueHeads * D;

        public float Scale => 1 / MathF.Sqrt(D);

        /// <summary>Row stride of a block of scores: whole vectors, so that loops may run over the end.</summary>
        public int ScoreRow => (T + TSimd.Width - 1) / TSimd.Width * TSimd.Width;

        public long ScoreLength => (long)QueryBlock * ScoreRow;

        public long ProductScratch => Math.Max(
            Math.Max(MatMulBlocks<TSimd, TVector>.SerialScratch(T, D), MatMulBlocks<TSimd, TVector>.SerialScratch(D, T)),
            MatMulBlocks<TSimd, TVector>.SerialScratch(D, QueryBlock));

        public nint QueryOffset(int b, int h) => (nint)b * T * QueryRow + (nint)h * D;

        public nint KeyOffset(int b, int h) => (nint)b * T * KeyRow + (nint)h * D;

        /// <summary>Keys that some query of the block [.., end) sees.</summary>
        public int Keys(int end, int length) => Causal ? end : length;

        /// <summary>Keys that query <paramref name="t"/> sees.</summary>
        public int KeysOf(int t, int length) => Causal ? t + 1 : length;
    }

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

        public void Invoke(int start, int end, int worker)
        {
            float* scores = Scratch + worker * ScratchLength;
            float* products = scores + Heads.ScoreLength;
            for (int i = start; i < end; i++)
                Head(i / Heads.QueryHeads, i % Heads.QueryHeads, scores, products);
        }

        private void Head(int b, int h, float* scores, float* products)
        {
            int D = Heads.D, T = Heads.T, length = Heads.Lengths[b];
            nint row = Heads.QueryRow, keyRow = Heads.KeyRow;
            float* q = Q + Heads.QueryOffset(b, h);
            float* o = O + Heads.QueryOffset(b, h);
            float* k = K + Heads.KeyOffset(b, h / Heads.Group);
            float* v = V + Heads.KeyOffset(b, h / Heads.Group);
            float* lse = Lse + ((long)b * Heads.QueryHeads + h) * T;
            for (int t = 0; t < length; t += QueryBlock)
            {
                int end = Math.Min(t + QueryBlock, length), keys = Heads.Keys(end, length);
                Scores(scores, Heads.ScoreRow, q + t * row, row, k, keyRow, end - t, keys, D, Heads.Scale, products);
                for (int i = t; i < end; i++)
                    lse[i] = SoftmaxRow(scores + (i - t) * Heads.ScoreRow, Heads.KeysOf(i, length), keys);
                MatMulBlocks<TSimd, TVector>.Serial(new MatMulProduct
                {
                    A = scores, RowA = Heads.ScoreRow, ColumnA = 1, B = v, RowB = keyRow, ColumnB = 1, C = o + t * row, RowC = row,
                    M = end - t, N = D, K = keys, Alpha = 1,
                }, products);
            }

            for (int t = length; t < T; t++)
            {
                new Span<float>(o + t * row, D).Clear();
                lse[t] = 0;
            }
        }
    }

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

        public void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
                Group(i / Heads.KeyValueHeads, i % Heads.KeyValueHeads, Scratch + worker * ScratchLength);
        }

        private void Group(int b, int g, float* scratch)
        {
            int length = Heads.Lengths[b];
            float* dk = DK + Heads.KeyOffset(b, g);
            float* dv = DV + Heads.KeyOffset(b, g);
            for (int t = 0; t < Heads.T; t++)
            {
                new Span<float>(dk + t * Heads.KeyRow, Heads.D).Clear();
                new Span<float>(dv + t * Heads.KeyRow, Heads.D).Clear();
            }

            for (int h = g * Heads.Group; h < (g + 1) * Heads.Group; h++)
            {
                for (int t = 0; t < length; t += QueryBlock)
                    Block(b, g, h, t, Math.Min(t + QueryBlock, length), length, scratch);
                float* dq = DQ + Heads.QueryOffset(b, h);
                for (int t = length; t < Heads.T; t++)
                    new Span<float>(dq + t * Heads.QueryRow, Heads.D).Clear();
            }
        }

        /// <summary>Queries [t, end) of head h: P from lse, dP = do v^T, dS = P (dP - delta) with delta = sum of do * o.</summary>
        private void Block(int b, int g, int h, int t, int end, int length, float* p)
        {
            int D = Heads.D, queries = end - t, keys = Heads.Keys(end, length);
            nint row = Heads.QueryRow, keyRow = Heads.KeyRow, scoreRow = Heads.ScoreRow;
            float* ds = p + Heads.ScoreLength;
            float* products = ds + Heads.ScoreLength;
            nint at = Heads.QueryOffset(b, h) + t * row;
            nint keyAt = Heads.KeyOffset(b, g);
            float* lse = Lse + ((long)b * Heads.QueryHeads + h) * Heads.T;

            Scores(p, scoreRow, Q + at, row, K + keyAt, keyRow, queries, keys, D, Heads.Scale, products);
            Scores(ds, scoreRow, DO + at, row, V + keyAt, keyRow, queries, keys, D, 1, products);
            for (int i = 0; i < queries; i++)
            {
                float delta = Dot(DO + at + i * row, O + at + i * row, D);
                SoftmaxGradientRow(p + i * scoreRow, ds + i * scoreRow, lse[t + i], delta, Heads.KeysOf(t + i, length), keys);
            }

            var product = new MatMulProduct
            {
                A = ds, RowA = scoreRow, ColumnA = 1, B = K + keyAt, RowB = keyRow, ColumnB = 1, C = DQ + at, RowC = row,
                M = queries, N = D, K = keys, Alpha = Heads.Scale,
            };
            MatMulBlocks<TSimd, TVector>.Serial(product, products);

            product = new MatMulProduct
            {
                A = ds, RowA = 1, ColumnA = scoreRow, B = Q + at, RowB = row, ColumnB = 1, C = DK + keyAt, RowC = keyRow,
                M = keys, N = D, K = queries, Alpha = Heads.Scale, Accumulate = true,
            };
            MatMulBlocks<TSimd, TVector>.Serial(product, products);

            product.A = p;
            product.B = DO + at;
            product.C = DV + keyAt;
            product.Alpha = 1;
            MatMulBlocks<TSimd, TVector>.Serial(product, products);
        }
    }

    /// <summary>s = scale * x y^T.</summary>
    private static void Scores(float* s, nint rowS, float* x, nint rowX, float* y, nint rowY, int M, int N, int K, float scale, float* scratch) =>
        MatMulBlocks<TSimd, TVector>.Serial(new MatMulProduct
        {
            A = x, RowA = rowX, ColumnA = 1, B = y, RowB = 1, ColumnB = rowY, C = s, RowC = rowS, M = M, N = N, K = K, Alpha = scale,
        }, scratch);

    /// <summary>x[..n] = softmax, x[n..end] = 0; returns log-sum-exp.</summary>
    private static float SoftmaxRow(float* x, int n, int end)
    {
        float max = Maximum(x, n);
        double sum = ExponentialsAndSum(x, x, max, n);
        ScaleRow(x, (float)(1 / sum), n);
        new Span<float>(x + n, end - n).Clear();
        return (float)(max + Math.Log(sum));
    }

    /// <summary>Scores become p = exp(score - lse), and ds = p (dp - delta); both 0 in [n, end).</summary>
    private static void SoftmaxGradientRow(float* p, float* ds, float lse, float delta, int n, int end)
    {
        int i = 0;
        for (; i + TSimd.Width <= n; i += TSimd.Width)
        {
            var e = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(p + i), TSimd.Broadcast(lse)));
            TSimd.Store(p + i, e);
            TSimd.Store(ds + i, TSimd.Multiply(e, TSimd.Subtract(TSimd.Load(ds + i), TSimd.Broadcast(delta))));
        }

        for (; i < n; i++)
        {
            p[i] = VectorMath.Exp<SimdScalar, float>(p[i] - lse);
            ds[i] = p[i] * (ds[i] - delta);
        }

        for (; i < end; i++)
            p[i] = ds[i] = 0;
    }
}
