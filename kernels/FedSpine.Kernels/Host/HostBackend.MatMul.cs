using System.Runtime.InteropServices;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Most floats of packed B held at once, 8 MiB; larger products are computed in runs of k, and in column blocks.</summary>
    private const long MaxPackedLength = 2 << 20;

    /// <summary>Below this many floating-point operations a product is not worth a fork.</summary>
    private const long MatMulGrain = 400_000;

    private float* _packed;        // B, shared by the workers of one product
    private long _packedLength;
    private float* _transposed;    // C of RunTransposed
    private long _transposedLength;
    private float* _workerScratch; // one block per worker
    private long _workerLength;

    public void MatMul(DeviceSpan<float> c, DeviceSpan<float> a, DeviceSpan<float> b, in MatMulShape shape, float alpha = 1, bool accumulate = false)
    {
        bool transposeA = shape.Layout == MatMulLayout.TN, transposeB = shape.Layout == MatMulLayout.NT;
        var (M, N, K) = (shape.M, shape.N, shape.K);
        RequireMatrix(c, M, N, shape.StrideC, shape.Batch, shape.BatchStrideC);
        RequireMatrix(a, transposeA ? K : M, transposeA ? M : K, shape.StrideA, shape.Batch, shape.BatchStrideA);
        RequireMatrix(b, transposeB ? N : K, transposeB ? K : N, shape.StrideB, shape.Batch, shape.BatchStrideB);
        if (M == 0 || N == 0 || shape.Batch == 0)
            return;

        var product = new MatMulProduct
        {
            A = Pointer(a),
            RowA = transposeA ? 1 : shape.StrideA,
            ColumnA = transposeA ? shape.StrideA : 1,
            B = Pointer(b),
            RowB = transposeB ? 1 : shape.StrideB,
            ColumnB = transposeB ? shape.StrideB : 1,
            C = Pointer(c),
            RowC = shape.StrideC,
            M = M,
            N = N,
            K = K,
            Alpha = alpha,
            Accumulate = accumulate,
        };
        if (shape.Batch == 1 && shape.Layout == MatMulLayout.NN && N <= MatMulBlocks<TSimd, TVector>.MaxDotsColumns && K >= MatMulBlocks<TSimd, TVector>.MinDotsK
            && M > 2 * MatMulBlocks<TSimd, TVector>.SlabRows)
        {
            RunDots(product);
            return;
        }

        if (shape.Batch == 1 && transposeA && N <= TSimd.Width && M >= MatMulBlocks<TSimd, TVector>.PanelWidth)
        {
            RunTransposed(product);
            return;
        }

        long flopsPerMatrix = Math.Max(1, 2L * M * N * K);
        if (shape.Batch == 1 || flopsPerMatrix > MatMulGrain * 100)
        {
            for (int i = 0; i < shape.Batch; i++)
            {
                Run(product);
                product.A += shape.BatchStrideA;
                product.B += shape.BatchStrideB;
                product.C += shape.BatchStrideC;
            }

            return;
        }

        // Small matrices: one after the other on each thread.
        long scratch = MatMulBlocks<TSimd, TVector>.SerialScratch(N, K);
        ReserveWorkerScratch(scratch);
        var body = new BatchBody
        {
            Product = product,
            BatchA = (nint)shape.BatchStrideA,
            BatchB = (nint)shape.BatchStrideB,
            BatchC = (nint)shape.BatchStrideC,
            Scratch = _workerScratch,
            ScratchLength = _workerLength,
        };
        _pool.For(shape.Batch, (int)Math.Min(shape.Batch, 1 + MatMulGrain / 2 / flopsPerMatrix), ref body);
    }

    /// <summary>
    /// C^T = B^T A^T aside, for a C of few columns and an A whose columns are contiguous (the gradient of a LoRA's B): the vectors of
    /// the kernel then run along M, where there is enough to fill them, and A is read where it lies. The same bits: each element is
    /// the same sum.
    /// </summary>
    private void RunTransposed(MatMulProduct p)
    {
        int panel = MatMulBlocks<TSimd, TVector>.PanelWidth, stride = (p.M + panel - 1) / panel * panel;
        if ((long)stride * p.N > _transposedLength)
            Reallocate(ref _transposed, ref _transposedLength, (long)stride * p.N);
        if (p.Accumulate)
            MatMulPacking<TSimd, TVector>.Transpose(_transposed, stride, p.C, p.RowC, p.N, p.M);
        Run(new MatMulProduct
        {
            A = p.B,
            RowA = p.ColumnB,
            ColumnA = p.RowB,
            B = p.A,
            RowB = p.ColumnA,
            ColumnB = p.RowA,
            C = _transposed,
            RowC = stride,
            RoomyC = true,
            M = p.N,
            N = p.M,
            K = p.K,
            Alpha = p.Alpha,
            Accumulate = p.Accumulate,
        });
        MatMulPacking<TSimd, TVector>.Transpose(p.C, (int)p.RowC, _transposed, stride, p.M, p.N);
    }

    /// <summary>With B^T aside, for a B of few columns (dy times a LoRA's B): then both operands run along k, for dot products.</summary>
    private void RunDots(MatMulProduct p)
    {
        if ((long)p.N * p.K > _transposedLength)
            Reallocate(ref _transposed, ref _transposedLength, (long)p.N * p.K);
        MatMulPacking<TSimd, TVector>.Transpose(_transposed, p.K, p.B, p.RowB, p.N, p.K);
        p.B = _transposed;
        p.RowB = 1;
        p.ColumnB = p.K;
        Run(p);
    }

    private void Run(in MatMulProduct p) => Run(p, default(NoEpilogue));

    /// <summary>One product on all workers; the epilogue follows on every block of C, on the thread that computed it.</summary>
    private void Run<TEpilogue>(MatMulProduct p, TEpilogue epilogue) where TEpilogue : unmanaged, IMatMulEpilogue
    {
        MatMulBlocks<TSimd, TVector>.Plan(ref p);
        ReserveWorkerScratch(MatMulBlocks<TSimd, TVector>.ComputeScratch);
        int totalK = p.TotalK, panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
        int depth = Math.Max(totalK, 1), blockN = p.N;
        if (p.Way != MatMulWay.Dots)
        {
            // As many columns as there are, so that A is copied once; and of k whole runs between two visits to C.
            int blockK = MatMulBlocks<TSimd, TVector>.BlockK(totalK);
            long padded = (p.N + panel - 1L) / panel * panel;
            blockN = (int)Math.Min(padded, MaxPackedLength / blockK / panel * panel);
            depth = (int)Math.Min(depth, MaxPackedLength / ((long)blockN * blockK) * blockK);
            long length = (long)blockN * depth;
            if (length > _packedLength)
                Reallocate(ref _packed, ref _packedLength, length);
        }

        p.PackedDepth = depth;
        for (int n = 0; n < p.N; n += blockN)
        {
            for (p.FirstK = 0; p.FirstK == 0 || p.FirstK < totalK; p.FirstK += depth)
            {
                p.PackedDepth = Math.Min(depth, totalK - p.FirstK);
                if (p.FirstK + depth >= totalK)
                    RunBlock(p, n, Math.Min(n + blockN, p.N), epilogue);
                else
                    RunBlock(p, n, Math.Min(n + blockN, p.N), default(NoEpilogue));
            }
        }
    }

    /// <summary>Columns [start, end) of C, over PackedDepth k from FirstK on.</summary>
    private void RunBlock<TEpilogue>(in MatMulProduct p, int start, int end, TEpilogue epilogue) where TEpilogue : unmanaged, IMatMulEpilogue
    {
        bool serial = 2L * p.M * (end - start) * p.PackedDepth < MatMulGrain;
        if (p.Way != MatMulWay.Dots && p.PackedDepth > 0)
        {
            int panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
            var pack = new PackBody { Product = p, Start = start, End = end, Packed = _packed };
            if (pack.ByRows)
                _pool.For(p.PackedDepth, serial ? p.PackedDepth : Math.Max(8, ElementGrain / (end - start)), ref pack);
            else
                _pool.For((end - start + panel - 1) / panel, serial ? int.MaxValue : Math.Max(1, ElementGrain / (panel * p.PackedDepth)), ref pack);
        }

        var compute = new ComputeBody<TEpilogue> { Epilogue = epilogue, Product = p, Start = start, End = end, Packed = _packed, Scratch = _workerScratch, ScratchLength = _workerLength };
        int tasks = compute.Split(serial ? 1 : _pool.Count);
        _pool.For(tasks, serial ? tasks : 1, ref compute);
    }

    private void ReserveWorkerScratch(long length)
    {
        length = (length + 15) & -16;
        if (length <= _workerLength)
            return;
        long total = _workerLength * _pool.Count;
        Reallocate(ref _workerScratch, ref total, length * _pool.Count);
        _workerLength = length;
    }

    private static void Reallocate(ref float* block, ref long length, long newLength)
    {
        NativeMemory.AlignedFree(block);
        block = null;
        block = (float*)NativeMemory.AlignedAlloc((nuint)newLength * sizeof(float), Arena.Alignment);
        length = newLength;
    }

    private void DisposeMatMulScratch()
    {
        NativeMemory.AlignedFree(_packed);
        NativeMemory.AlignedFree(_transposed);
        NativeMemory.AlignedFree(_workerScratch);
        _packed = _transposed = _workerScratch = null;
        _packedLength = _transposedLength = _workerLength = 0;
    }

    private static void RequireMatrix(DeviceSpan<float> span, int rows, int columns, int stride, int batch, long batchStride,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(span))] string name = "")
    {
        if (rows < 0 || columns < 0 || batch < 0)
            throw new ArgumentException($"{name}: a batch of {batch} matrices of {rows} x {columns}");
        if (rows == 0 || columns == 0 || batch == 0)
            return;
        if ((stride < columns && rows > 1) || batchStride < 0)
            throw new ArgumentException($"{name}: row stride {stride}, batch stride {batchStride} for matrices of {rows} x {columns}");
        long needed = (batch - 1) * batchStride + (rows - 1L) * stride + columns;
        if (span.Length < needed)
            throw new ArgumentException($"{name} has {span.Length} elements, the shape needs {needed}");
    }

    private struct BatchBody : IRangeBody
    {
        public MatMulProduct Product;
        public nint BatchA, BatchB, BatchC;
        public float* Scratch;
        public long ScratchLength;

        public void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
            {
                var p = Product;
                p.A += i * BatchA;
                p.B += i * BatchB;
                p.C += i * BatchC;
                MatMulBlocks<TSimd, TVector>.Serial(p, Scratch + worker * ScratchLength);
            }
        }
    }

    private struct PackBody : IRangeBody
    {
        public MatMulProduct Product;
        public int Start, End;
        public float* Packed;

        /// <summary>
        /// Whether the range is one of k, not of panels: where rows of B run along C's columns, they are read from end to end, as streams.
        /// </summary>
        public readonly bool ByRows => Product.Way == MatMulWay.Packed && (Product.TypeB == Memory.WeightType.F32 ? Product.ColumnB == 1 : !Product.TransposedB);

        public void Invoke(int start, int end, int worker)
        {
            if (ByRows)
            {
                for (int k = Product.FirstK + start, last = Product.FirstK + end; k < last; k += 8)
                    MatMulBlocks<TSimd, TVector>.PackB(Product, Start, End, k, Math.Min(k + 8, last), Packed);
                return;
            }

            int panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
            MatMulBlocks<TSimd, TVector>.PackB(Product, Start + start * panel, Math.Min(Start + end * panel, End),
                Product.FirstK, Product.FirstK + Product.PackedDepth, Packed + (long)start * panel * Product.PackedDepth);
        }
    }

    private struct ComputeBody<TEpilogue> : IRangeBody where TEpilogue : unmanaged, IMatMulEpilogue
    {
        public TEpilogue Epilogue;
        public MatMulProduct Product;
        public int Start, End;                     // columns
        public int TaskRows, TaskColumns, RowTasks;
        public float* Packed;
        public float* Scratch;
        public long ScratchLength;

        /// <summary>
        /// Chooses the tasks, whole slabs by whole panels, and returns their number: several per thread, so that the last one does
        /// not keep the others waiting, but none so small that claiming it shows. A wide task copies its rows of A fewer times, a tall
        /// one uses a panel of B more often, which counts for more: columns are split first, down to two panels, then rows, down to three slabs.
        /// </summary>
        public int Split(int threads)
        {
            int slabRows = MatMulBlocks<TSimd, TVector>.SlabRows, panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
            int slabs = (Product.M + slabRows - 1) / slabRows, panels = (End - Start + panel - 1) / panel;
            long flops = 2L * Product.M * (End - Start) * Product.PackedDepth;
            long wanted = threads == 1 ? 1 : Math.Clamp(flops / (MatMulGrain / 4), 1, 8 * threads);
            int tall = Parts(slabs, Parts(slabs, MatMulBlocks<TSimd, TVector>.BlockRows / slabRows)), wide = panels;
            while ((long)Parts(slabs, tall) * Parts(panels, wide) < wanted && tall * wide > 1)
            {
                if (wide > 2 || (wide > 1 && tall <= 3))
                    wide = (wide + 1) / 2;
                else
                    tall = (tall + 1) / 2;
            }

            TaskColumns = wide * panel;
            TaskRows = tall * slabRows;
            RowTasks = Parts(slabs, tall);
            return RowTasks * Parts(panels, wide);
        }

        private static int Parts(int whole, int part) => (whole + part - 1) / part;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int i = start; i < end; i++)
            {
                int m = i % RowTasks * TaskRows, n = i / RowTasks * TaskColumns;
                int endM = Math.Min(m + TaskRows, Product.M), startN = Start + n, endN = Math.Min(startN + TaskColumns, End);
                MatMulBlocks<TSimd, TVector>.Compute(Product, m, endM, startN, endN, Packed + (long)n * Product.PackedDepth, Scratch + worker * ScratchLength);
                Epilogue.Invoke(m, endM, startN, endN);
            }
        }
    }
}
