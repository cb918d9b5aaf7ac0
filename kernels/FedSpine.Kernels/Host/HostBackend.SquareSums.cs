using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>Elements of a weight that are widened at a time.</summary>
    private const int PieceLength = 256;

    public void SquareSums(DeviceSpan<float> y, WeightSpan x, int M, int N, MatrixAxis axis)
    {
        RequireLength(y, axis == MatrixAxis.Rows ? M : N);
        RequireLength(x, (long)M * N);
        if (axis == MatrixAxis.Rows)
        {
            var rows = new SquareSumRowsBody { Y = Pointer(y), X = Pointer(x), Type = x.Type, N = N };
            ForRows(M, N, ref rows);
        }
        else
        {
            var columns = new SquareSumColumnsBody { Y = Pointer(y), X = Pointer(x), Type = x.Type, M = M, N = N };
            ForColumns(N, M, ref columns);
        }
    }

    private struct SquareSumRowsBody : IRangeBody
    {
        public float* Y; // (M)
        public byte* X;  // (M, N)
        public WeightType Type;
        public int N;

        public readonly void Invoke(int start, int end, int worker)
        {
            float* piece = stackalloc float[PieceLength];
            long rowBytes = Type.RowBytes(N);
            for (int row = start; row < end; row++)
            {
                float* x = (float*)(X + row * rowBytes);
                if (Type == WeightType.F32)
                {
                    Y[row] = Dot(x, x, N);
                    continue;
                }

                float sum = 0;
                for (int k = 0; k < N; k += PieceLength)
                {
                    int length = Math.Min(PieceLength, N - k);
                    WeightRows<TSimd, TVector>.Read(piece, Type, X + row * rowBytes, k, length);
                    sum += Dot(piece, piece, length);
                }

                Y[row] = sum;
            }
        }
    }

    private struct SquareSumColumnsBody : IRangeBody
    {
        public float* Y; // (N)
        public byte* X;  // (M, N)
        public WeightType Type;
        public int M;
        public int N;

        public readonly void Invoke(int start, int end, int worker)
        {
            new Span<float>(Y + start, end - start).Clear();
            float* piece = stackalloc float[PieceLength];
            long rowBytes = Type.RowBytes(N);
            for (int row = 0; row < M; row++)
            {
                byte* x = X + row * rowBytes;
                if (Type == WeightType.F32)
                {
                    AddProductRow(Y + start, (float*)x + start, (float*)x + start, end - start);
                    continue;
                }

                for (int k = start; k < end; k += PieceLength)
                {
                    int length = Math.Min(PieceLength, end - k);
                    WeightRows<TSimd, TVector>.Read(piece, Type, x, k, length);
                    AddProductRow(Y + k, piece, piece, length);
                }
            }
        }
    }
}
