using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void AttentionDecode(DeviceSpan<float> o, DeviceSpan<float> q, DeviceSpan<float> kCache, DeviceSpan<float> vCache,
        DeviceSpan<int> positions, in CacheShape shape)
    {
        RequireCache(kCache, positions, 1, shape);
        RequireLength(vCache, kCache.Length);
        RequireLength(q, (long)shape.B * shape.QueryHeads * shape.HeadSize);
        RequireLength(o, q.Length);

        int longest = 1;
        int* at = Pointer(positions);
        for (int b = 0; b < shape.B; b++)
            longest = Math.Max(longest, at[b] + 1);
        var body = new AttentionDecodeBody
        {
            O = Pointer(o),
            Q = Pointer(q),
            K = Pointer(kCache),
            V = Pointer(vCache),
            Positions = at,
            Shape = shape,
            ScoreRow = (longest + TSimd.Width - 1) / TSimd.Width * TSimd.Width,
        };
        ReserveWorkerScratch((long)body.Group * body.ScoreRow);
        body.Scratch = _workerScratch;
        body.ScratchLength = _workerLength;
        long elements = 2L * longest * shape.HeadSize;
        _pool.For(shape.B * shape.KeyValueHeads, (int)Math.Max(1, ElementGrain / elements), ref body);
    }

    /// <summary>One key-value head of one sequence: its query heads are the few rows of two products that read the cache where it lies, in one pass each.</summary>
    private struct AttentionDecodeBody : IRangeBody
    {
        public float* O;
        public float* Q;
        public float* K;
        public float* V;
        public int* Positions;
        public CacheShape Shape;
        public int ScoreRow; // floats per row of scores: whole vectors
        public float* Scratch;
        public long ScratchLength;

        /// <summary>Query heads on one key-value head.</summary>
        public readonly int Group => Shape.QueryHeads / Shape.KeyValueHeads;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
                Head(i, Positions[i / Shape.KeyValueHeads] + 1, Scratch + worker * ScratchLength);
        }

        /// <param name="index">Sequence and key-value head: heads lie one after the other in the cache, and their queries in q.</param>
        private readonly void Head(int index, int keys, float* scores)
        {
            int D = Shape.HeadSize;
            nint queries = (nint)index * Group * D, cached = (nint)index * Shape.Capacity * D;
            var scoreProduct = new MatMulProduct
            {
                A = Q + queries, RowA = D, ColumnA = 1, B = K + cached, RowB = 1, ColumnB = D, C = scores, RowC = ScoreRow,
                M = Group, N = keys, K = D, Alpha = 1 / MathF.Sqrt(D),
            };
            MatMulDots<TSimd, TVector>.Compute(scoreProduct, 0, Group, 0, keys);
            var sums = stackalloc float[Group];
            for (int h = 0; h < Group; h++)
            {
                float* row = scores + h * ScoreRow;
                new Span<float>(row + keys, ScoreRow - keys).Clear(); // the softmax runs in whole vectors
                Exponentials(row, keys, keys, out sums[h]);
            }

            float* o = O + queries;
            int head = 0;
            for (; head <= Group - 2; head += 2)
                Values<Rows2>(o + head * D, scores + head * ScoreRow, V + cached, keys);
            if (head < Group)
                Values<Rows1>(o + head * D, scores + head * ScoreRow, V + cached, keys);
            for (int h = 0; h < Group; h++)
                ScaleRow(o + h * D, 1 / sums[h], D);
        }

        /// <summary>o (1 or 2 heads, D) = scores (heads, keys) v (keys, D): whole rows of v, as far as registers hold, in the order of memory.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Values<TRows>(float* o, float* scores, float* v, int keys) where TRows : struct, ITileRows
        {
            const int Ahead = 1024; // bytes
            int D = Shape.HeadSize, d = 0;
            float* o1 = o + D;
            float* scores1 = TRows.Count > 1 ? scores + ScoreRow : scores;
            for (; d <= D - 4 * TSimd.Width; d += 4 * TSimd.Width)
            {
                float* row = v + d;
                TVector s00 = TSimd.Zero, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
                for (int k = 0; k < keys; k++, row += D)
                {
                    for (int at = 0; Sse.IsSupported && at < 4 * TSimd.Width; at += 16)
                        Sse.Prefetch0((byte*)(row + at) + Ahead);
                    TVector y0 = TSimd.Load(row), y1 = TSimd.Load(row + TSimd.Width), y2 = TSimd.Load(row + 2 * TSimd.Width), y3 = TSimd.Load(row + 3 * TSimd.Width);
                    var p = TSimd.Broadcast(scores[k]);
                    s00 = TSimd.MultiplyAdd(p, y0, s00);
                    s01 = TSimd.MultiplyAdd(p, y1, s01);
                    s02 = TSimd.MultiplyAdd(p, y2, s02);
                    s03 = TSimd.MultiplyAdd(p, y3, s03);
                    if (TRows.Count > 1)
                    {
                        p = TSimd.Broadcast(scores1[k]);
                        s10 = TSimd.MultiplyAdd(p, y0, s10);
                        s11 = TSimd.MultiplyAdd(p, y1, s11);
                        s12 = TSimd.MultiplyAdd(p, y2, s12);
                        s13 = TSimd.MultiplyAdd(p, y3, s13);
                    }
                }

                Store4(o + d, s00, s01, s02, s03);
                if (TRows.Count > 1)
                    Store4(o1 + d, s10, s11, s12, s13);
            }

            for (; d <= D - TSimd.Width; d += TSimd.Width)
            {
                TVector s0 = TSimd.Zero, s1 = s0;
                float* row = v + d;
                for (int k = 0; k < keys; k++, row += D)
                {
                    s0 = TSimd.MultiplyAdd(TSimd.Broadcast(scores[k]), TSimd.Load(row), s0);
                    if (TRows.Count > 1) s1 = TSimd.MultiplyAdd(TSimd.Broadcast(scores1[k]), TSimd.Load(row), s1);
                }

                TSimd.Store(o + d, s0);
                if (TRows.Count > 1) TSimd.Store(o1 + d, s1);
            }

            for (; d < D; d++)
            {
                float s0 = 0, s1 = 0;
                for (int k = 0; k < keys; k++)
                {
                    s0 += scores[k] * v[(nint)k * D + d];
                    if (TRows.Count > 1) s1 += scores1[k] * v[(nint)k * D + d];
                }

                o[d] = s0;
                if (TRows.Count > 1) o1[d] = s1;
            }
        }

        private static void Store4(float* y, TVector s0, TVector s1, TVector s2, TVector s3)
        {
            TSimd.Store(y, s0);
            TSimd.Store(y + TSimd.Width, s1);
            TSimd.Store(y + 2 * TSimd.Width, s2);
            TSimd.Store(y + 3 * TSimd.Width, s3);
        }
    }
}
