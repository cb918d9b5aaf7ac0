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
        ReserveWorkerScratch((long)body.Group * body.ScoreRow + MatMulBlocks<TSimd, TVector>.SerialScratch(shape.HeadSize, longest));
        body.Scratch = _workerScratch;
        body.ScratchLength = _workerLength;
        long elements = 2L * longest * shape.HeadSize;
        _pool.For(shape.B * shape.KeyValueHeads, (int)Math.Max(1, ElementGrain / elements), ref body);
    }

    /// <summary>One key-value head of one sequence: its query heads are the few rows of two products that read the cache where it lies.</summary>
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
            MatMulBlocks<TSimd, TVector>.Serial(new MatMulProduct
            {
                A = scores, RowA = ScoreRow, ColumnA = 1, B = V + cached, RowB = D, ColumnB = 1, C = o, RowC = D,
                M = Group, N = D, K = keys, Alpha = 1,
            }, scores + (nint)Group * ScoreRow);
            for (int h = 0; h < Group; h++)
                ScaleRow(o + h * D, 1 / sums[h], D);
        }
    }
}
