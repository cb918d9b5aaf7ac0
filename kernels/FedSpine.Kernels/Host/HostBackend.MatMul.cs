using System.Runtime.InteropServices;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Most floats of packed B held at once; wider products are computed in column blocks.</summary>
    private const long MaxPackedLength = 1 << 20;

    /// <summary>Below this many floating-point operations a product is not worth a fork.</summary>
    private const long MatMulGrain = 400_000;

    private float* _packed;        // B, shared by the workers of one product
    private long _packedLength;
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
        if (shape.Batch == 1)
        {
            Run(product);
            return;
        }

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
        long flopsPerMatrix = Math.Max(1, 2L * M * N * K);
        _pool.For(shape.Batch, (int)Math.Min(shape.Batch, 1 + MatMulGrain / 2 / flopsPerMatrix), ref body);
    }

    /// <summary>One product on all workers.</summary>
    private void Run(MatMulProduct p)
    {
        MatMulBlocks<TSimd, TVector>.Plan(ref p);
        ReserveWorkerScratch(MatMulBlocks<TSimd, TVector>.ComputeScratch);
        int totalK = Math.Max(p.TotalK, 1);
        int panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
        int blockN = (int)Math.Clamp(MaxPackedLength / totalK / panel * panel, panel, (p.N + panel - 1) / panel * panel);
        long length = MatMulBlocks<TSimd, TVector>.PackedLength(blockN, totalK);
        if (length > _packedLength)
            Reallocate(ref _packed, ref _packedLength, length);

        for (int n = 0; n < p.N; n += blockN)
        {
            int end = Math.Min(n + blockN, p.N);
            bool serial = 2L * p.M * (end - n) * totalK < MatMulGrain;

            var pack = new PackBody { Product = p, Start = n, End = end, Packed = _packed };
            int panels = (end - n + panel - 1) / panel;
            _pool.For(panels, serial ? panels : Math.Max(1, ElementGrain / (panel * totalK)), ref pack);

            int taskRows = MatMulBlocks<TSimd, TVector>.TaskRows, taskColumns = MatMulBlocks<TSimd, TVector>.TaskColumns;
            var compute = new ComputeBody
            {
                Product = p,
                Start = n,
                End = end,
                Packed = _packed,
                RowTasks = (p.M + taskRows - 1) / taskRows,
                Scratch = _workerScratch,
                ScratchLength = _workerLength,
            };
            int tasks = compute.RowTasks * ((end - n + taskColumns - 1) / taskColumns);
            _pool.For(tasks, serial ? tasks : 1, ref compute);
        }
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
        NativeMemory.AlignedFree(_workerScratch);
        _packed = _workerScratch = null;
        _packedLength = _workerLength = 0;
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

        public void Invoke(int start, int end, int worker)
        {
            int panel = MatMulBlocks<TSimd, TVector>.PanelWidth;
            MatMulBlocks<TSimd, TVector>.PackB(Product, Start + start * panel, Math.Min(Start + end * panel, End),
                Packed + (long)start * panel * Product.TotalK);
        }
    }

    private struct ComputeBody : IRangeBody
    {
        public MatMulProduct Product;
        public int Start, End, RowTasks;
        public float* Packed;
        public float* Scratch;
        public long ScratchLength;

        public void Invoke(int start, int end, int worker)
        {
            int taskRows = MatMulBlocks<TSimd, TVector>.TaskRows, taskColumns = MatMulBlocks<TSimd, TVector>.TaskColumns;
            for (int i = start; i < end; i++)
            {
                int m = i % RowTasks * taskRows, n = i / RowTasks * taskColumns;
                MatMulBlocks<TSimd, TVector>.Compute(Product, m, Math.Min(m + taskRows, Product.M), Start + n,
                    Math.Min(Start + n + taskColumns, End), Packed + (long)n * Product.TotalK, Scratch + worker * ScratchLength);
            }
        }
    }
}
