using FedSpine.Kernels.Memory;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>A product of the check: its layout, shape, batch, the weight's type and the adapter's rank (0: none).</summary>
    private sealed record TensorCheck(MatMulLayout Layout, int M, int N, int K, int Batch = 1, WeightType Type = WeightType.F32, int Rank = 0, bool Accumulate = false)
    {
        public override string ToString() => $"{Layout} {M} x {N} x {K}{(Batch > 1 ? $", {Batch} of them" : "")}, {Type.ToString().ToLowerInvariant()}{(Rank > 0 ? $", rank {Rank}" : "")}";
    }

    /// <summary>Edges in every dimension, one that has none (copied 16 bytes at a time), all layouts, weights and the adapter; in narrow tiles, then in wide ones.</summary>
    private static readonly TensorCheck[] TensorChecks =
    [
        new(MatMulLayout.NN, 70, 37, 53, Batch: 2),
        new(MatMulLayout.TN, 33, 67, 70, Accumulate: true),
        new(MatMulLayout.NT, 64, 64, 64),
        new(MatMulLayout.NT, 5, 130, 33, Rank: 5),
        new(MatMulLayout.NT, 48, 96, 64, Type: WeightType.BF16, Rank: 8),
        new(MatMulLayout.NT, 21, 40, 35, Type: WeightType.BF16, Rank: 3),
        new(MatMulLayout.NT, 19, 33, 64, Type: WeightType.Q8_0, Rank: 4),
        new(MatMulLayout.NN, 19, 64, 33, Type: WeightType.Q8_0, Rank: 4, Accumulate: true),
        new(MatMulLayout.NN, 1, 1, 1, Type: WeightType.BF16),
        new(MatMulLayout.NN, 200, 100, 53, Batch: 2),
        new(MatMulLayout.TN, 101, 230, 70, Accumulate: true),
        new(MatMulLayout.NT, 128, 128, 64),
        new(MatMulLayout.NT, 200, 136, 96, Type: WeightType.BF16, Rank: 8),
        new(MatMulLayout.NT, 99, 125, 64, Type: WeightType.Q8_0, Rank: 4),
    ];

    /// <summary>
    /// Compares products of this device's tensor cores with the portable kernel's, on the same device. An element may differ by what rounding
    /// both inputs to a unit u (2^-8 for bf16, 2^-11 for tf32) allows: (2.05 u + 1e-5) times the sum of |a| |b|, plus 1e-6.
    /// </summary>
    /// <param name="share">Of the tolerance; a test gives 0 to see the check fail.</param>
    /// <exception cref="ArgumentException">One differs by more, or cannot be computed: the message says which, where and by how much.</exception>
    internal void CheckTensorProducts(double share = 1)
    {
        Multiprocessors = 1; // whatever is large enough for wide tiles has them
        try
        {
            foreach (var check in TensorChecks)
                CheckTensorProduct(check, share);
        }
        finally
        {
            Multiprocessors = 0;
        }
    }

    private void CheckTensorProduct(TensorCheck check, double share)
    {
        try
        {
            switch (check.Type)
            {
                case WeightType.F32: Check<ReadF32>(check, share); break;
                case WeightType.BF16: Check<ReadBF16>(check, share); break;
                default: Check<ReadQ8>(check, share); break;
            }
        }
        catch (AcceleratorException failed)
        {
            throw new ArgumentException($"the {Precision.Label()} products of {_accelerator.Name} fail: {check}: {failed.Message.ReplaceLineEndings(" ")}; use --matmul float32", failed);
        }
    }

    private void Check<TWeight>(TensorCheck check, double share) where TWeight : struct, IWeightReader
    {
        const float Alpha = 0.75f, TailScale = 1.5f;
        var (layout, M, N, K, batch, type, rank, accumulate) = check;
        bool transposeA = layout == MatMulLayout.TN, transposeB = layout == MatMulLayout.NT;
        int rowsB = transposeB ? N : K, columnsB = transposeB ? K : N;
        var random = new Random(M + N + K);
        float[] a = Values(batch * M * K), tailA = Values(M * rank), tailB = Values(N * rank), bias = Values(N), c = Values(batch * M * N);
        float[] b = Values(batch * rowsB * columnsB);
        byte[] stored = Encode(b, type, columnsB);

        using var arena = Allocate(4L * (a.Length + tailA.Length + tailB.Length + bias.Length + 2 * c.Length + stored.Length) + 16 * Arena.Alignment);
        long used = 0;
        DeviceSpan<float> deviceA = Put(a), deviceTailA = Put(tailA), deviceTailB = Put(tailB), deviceBias = Put(bias), portable = Put(c), tensor = Put(c);
        var bytes = Put(stored);
        var weight = Weight(new WeightSpan(type, arena, bytes.ByteOffset, b.Length), columnsB);
        var arguments = new MatMulArguments
        {
            M = M, N = N, K = K, RowA = transposeA ? 1 : K, ColumnA = transposeA ? M : 1, RowC = N, TransposedB = transposeB ? 1 : 0,
            BatchA = M * K, BatchB = K * N, BatchC = M * N, TailK = rank, TailRowB = transposeB ? 1 : N, TailColumnB = transposeB ? rank : 1,
            TailScale = TailScale, Alpha = Alpha, Accumulate = accumulate ? 1 : 0, HasBias = accumulate ? 0 : 1,
        };
        MultiplyPortable<TWeight>(View(portable), View(deviceA), weight, deviceTailA, deviceTailB, deviceBias, arguments, batch);
        MultiplyTensor<TWeight>(View(tensor), View(deviceA), weight, deviceTailA, deviceTailB, deviceBias, arguments, batch);
        float[] expected = new float[c.Length], actual = new float[c.Length];
        Download<float>(expected, portable);
        Download<float>(actual, tensor);

        double unit = Precision == MatMulPrecision.BF16 ? 1.0 / 256 : 1.0 / 2048;
        for (int at = 0; at < c.Length; at++)
        {
            int matrix = at / (M * N), i = at / N % M, j = at % N;
            double sum = 0;
            for (int k = 0; k < K; k++)
                sum += Math.Abs((double)a[matrix * M * K + (transposeA ? k * M + i : i * K + k)] * b[matrix * K * N + (transposeB ? j * K + k : k * N + j)]);
            for (int k = 0; k < rank; k++)
                sum += Math.Abs((double)TailScale * tailA[i * rank + k] * tailB[transposeB ? j * rank + k : k * N + j]);
            double tolerance = share * (Alpha * (2.05 * unit + 1e-5) * sum + 1e-6), difference = Math.Abs((double)actual[at] - expected[at]);
            if (!(difference <= tolerance))
            {
                throw new ArgumentException(FormattableString.Invariant(
                    $"the {Precision.Label()} products of {_accelerator.Name} are wrong: {check}: element [{i}, {j}] differs from the portable kernel's by {difference:g3}, more than {tolerance:g3}; use --matmul float32"));
            }
        }

        float[] Values(int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(-128, 129) / 129f)];

        DeviceSpan<T> Put<T>(T[] values) where T : unmanaged
        {
            var span = new DeviceSpan<T>(arena, used, values.Length);
            used = Arena.Align(used + span.Bytes);
            Upload<T>(span, values);
            return span;
        }
    }

    /// <summary>The elements as they are stored; <paramref name="x"/> becomes what is stored.</summary>
    private static byte[] Encode(float[] x, WeightType type, int columns)
    {
        long rowBytes = type.RowBytes(columns);
        var bytes = new byte[x.Length / columns * rowBytes];
        for (int i = 0; i < x.Length; i++)
        {
            int row = (int)(i / columns * rowBytes), column = i % columns;
            switch (type)
            {
                case WeightType.F32:
                    BitConverter.TryWriteBytes(bytes.AsSpan(row + 4 * column), x[i]);
                    break;
                case WeightType.BF16:
                    uint bits = BitConverter.SingleToUInt32Bits(x[i]) & 0xFFFF0000u;
                    x[i] = BitConverter.UInt32BitsToSingle(bits);
                    BitConverter.TryWriteBytes(bytes.AsSpan(row + 2 * column), (ushort)(bits >> 16));
                    break;
                default:
                    int block = row + column / WeightTypes.BlockLength * WeightTypes.BlockBytes;
                    BitConverter.TryWriteBytes(bytes.AsSpan(block), (Half)(1f / 128));
                    bytes[block + 2 + column % WeightTypes.BlockLength] = (byte)(sbyte)Math.Clamp(MathF.Round(x[i] * 128), -128, 127);
                    x[i] = (sbyte)bytes[block + 2 + column % WeightTypes.BlockLength] / 128f;
                    break;
            }
        }

        return bytes;
    }
}
