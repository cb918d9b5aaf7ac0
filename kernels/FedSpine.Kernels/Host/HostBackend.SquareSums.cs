using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void SquareSums(DeviceSpan<float> y, DeviceSpan<float> x, int M, int N, MatrixAxis axis)
    {
        RequireLength(y, axis == MatrixAxis.Rows ? M : N);
        RequireLength(x, (long)M * N);
        if (axis == MatrixAxis.Rows)
        {
            var rows = new SquareSumRowsBody { Y = Pointer(y), X = Pointer(x), N = N };
            ForRows(M, N, ref rows);
        }
        else
        {
            var columns = new SquareSumColumnsBody { Y = Pointer(y), X = Pointer(x), M = M, N = N };
            ForColumns(N, M, ref columns);
        }
    }

    private struct SquareSumRowsBody : IRangeBody
    {
        public float* Y; // (M)
        public float* X; // (M, N)
        public int N;

        public readonly void Invoke(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
                Y[row] = Dot(X + (long)row * N, X + (long)row * N, N);
        }
    }

    private struct SquareSumColumnsBody : IRangeBody
    {
        public float* Y; // (N)
        public float* X; // (M, N)
        public int M;
        public int N;

        public readonly void Invoke(int start, int end, int worker)
        {
            new Span<float>(Y + start, end - start).Clear();
            for (int row = 0; row < M; row++)
            {
                float* x = X + (long)row * N + start;
                AddProductRow(Y + start, x, x, end - start);
            }
        }
    }
}
