using FedSpine.Kernels.Formulas;

namespace FedSpine.Kernels.Host;

/// <summary>What follows on a block of a product's C while it is in the cache of the thread that computed it.</summary>
internal interface IMatMulEpilogue
{
    /// <summary>Rows [startM, endM) by columns [startN, endN) of C are finished. Blocks come in any order, each once.</summary>
    void Invoke(int startM, int endM, int startN, int endN);
}

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    private readonly struct NoEpilogue : IMatMulEpilogue
    {
        public void Invoke(int startM, int endM, int startN, int endN) { }
    }

    /// <summary>fy = f(y).</summary>
    private struct UnaryEpilogue<TFormula> : IMatMulEpilogue where TFormula : struct, IUnaryFormula
    {
        public float* Fy; // (M, N)
        public float* Y;  // (M, N)
        public int N;

        public readonly void Invoke(int startM, int endM, int startN, int endN)
        {
            for (long m = startM; m < endM; m++)
                new UnaryBody<TFormula> { Y = Fy + m * N, X = Y + m * N }.Invoke(startN, endN, 0);
        }
    }

    /// <summary>fy = f(z, y).</summary>
    private struct BinaryEpilogue<TFormula> : IMatMulEpilogue where TFormula : struct, IBinaryFormula
    {
        public float* Fy; // (M, N)
        public float* Z;  // (M, N)
        public float* Y;  // (M, N)
        public int N;

        public readonly void Invoke(int startM, int endM, int startN, int endN)
        {
            for (long m = startM; m < endM; m++)
                new BinaryBody<TFormula> { Z = Fy + m * N, X = Z + m * N, Y = Y + m * N }.Invoke(startN, endN, 0);
        }
    }
}
