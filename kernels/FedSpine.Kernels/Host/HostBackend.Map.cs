using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void Map<TFormula>(DeviceSpan<float> y, DeviceSpan<float> x) where TFormula : struct, IUnaryFormula
    {
        RequireLength(x, y.Length);
        var body = new UnaryBody<TFormula> { Y = Pointer(y), X = Pointer(x) };
        ForElements(y.Length, ref body);
    }

    public void Map<TFormula>(DeviceSpan<float> z, DeviceSpan<float> x, DeviceSpan<float> y) where TFormula : struct, IBinaryFormula
    {
        RequireLength(x, z.Length);
        RequireLength(y, z.Length);
        var body = new BinaryBody<TFormula> { Z = Pointer(z), X = Pointer(x), Y = Pointer(y) };
        ForElements(z.Length, ref body);
    }

    public void Map<TFormula>(DeviceSpan<float> w, DeviceSpan<float> x, DeviceSpan<float> y, DeviceSpan<float> z) where TFormula : struct, ITernaryFormula
    {
        RequireLength(x, w.Length);
        RequireLength(y, w.Length);
        RequireLength(z, w.Length);
        var body = new TernaryBody<TFormula> { W = Pointer(w), X = Pointer(x), Y = Pointer(y), Z = Pointer(z) };
        ForElements(w.Length, ref body);
    }

    private struct UnaryBody<TFormula> : IRangeBody where TFormula : struct, IUnaryFormula
    {
        public float* Y;
        public float* X;

        public readonly void Invoke(int start, int end, int worker)
        {
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                TSimd.Store(Y + i, TFormula.Invoke<TSimd, TVector>(TSimd.Load(X + i)));
            for (; i < end; i++)
                Y[i] = TFormula.Invoke<SimdScalar, float>(X[i]);
        }
    }

    private struct BinaryBody<TFormula> : IRangeBody where TFormula : struct, IBinaryFormula
    {
        public float* Z;
        public float* X;
        public float* Y;

        public readonly void Invoke(int start, int end, int worker)
        {
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                TSimd.Store(Z + i, TFormula.Invoke<TSimd, TVector>(TSimd.Load(X + i), TSimd.Load(Y + i)));
            for (; i < end; i++)
                Z[i] = TFormula.Invoke<SimdScalar, float>(X[i], Y[i]);
        }
    }

    private struct TernaryBody<TFormula> : IRangeBody where TFormula : struct, ITernaryFormula
    {
        public float* W;
        public float* X;
        public float* Y;
        public float* Z;

        public readonly void Invoke(int start, int end, int worker)
        {
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                TSimd.Store(W + i, TFormula.Invoke<TSimd, TVector>(TSimd.Load(X + i), TSimd.Load(Y + i), TSimd.Load(Z + i)));
            for (; i < end; i++)
                W[i] = TFormula.Invoke<SimdScalar, float>(X[i], Y[i], Z[i]);
        }
    }
}
