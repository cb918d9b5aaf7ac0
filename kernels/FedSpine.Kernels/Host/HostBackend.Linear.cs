using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    public void LinearForward(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows) =>
        LinearForward(y, xa, x, w, rows, default(NoEpilogue));

    public void LinearForward<TFormula>(DeviceSpan<float> fy, DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows)
        where TFormula : struct, IUnaryFormula
    {
        RequireLength(fy, y.Length);
        LinearForward(y, xa, x, w, rows, new UnaryEpilogue<TFormula> { Fy = Pointer(fy), Y = Pointer(y), N = w.Out });
    }

    public void LinearForward<TFormula>(DeviceSpan<float> fy, DeviceSpan<float> z, DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x,
        in LinearOperands w, int rows) where TFormula : struct, IBinaryFormula
    {
        RequireLength(fy, y.Length);
        RequireLength(z, y.Length);
        LinearForward(y, xa, x, w, rows, new BinaryEpilogue<TFormula> { Fy = Pointer(fy), Z = Pointer(z), Y = Pointer(y), N = w.Out });
    }

    private void LinearForward<TEpilogue>(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows, TEpilogue epilogue)
        where TEpilogue : unmanaged, IMatMulEpilogue
    {
        RequireLinear(w);
        RequireLength(y, (long)rows * w.Out);
        RequireLength(xa, (long)rows * w.Rank);
        RequireLength(x, (long)rows * w.In);
        if (rows == 0)
            return;

        var product = new MatMulProduct
        {
            A = Pointer(x),
            RowA = w.In,
            ColumnA = 1,
            B = (float*)Pointer(w.Weight),
            RowB = 1,
            ColumnB = w.In,
            TypeB = w.Weight.Type,
            RowBytesB = (nint)w.Weight.Type.RowBytes(w.In),
            TransposedB = true,
            C = Pointer(y),
            RowC = w.Out,
            M = rows,
            N = w.Out,
            K = w.In,
            Alpha = 1,
            Bias = Pointer(w.Bias),
        };
        if (w.Rank > 0)
        {
            MatMul(xa, x, w.A, new MatMulShape(MatMulLayout.NT, rows, w.Rank, w.In));
            MatMulBlocks<TSimd, TVector>.Plan(ref product);
            if (product.Way == MatMulWay.Dots)
            {
                // Few rows: a second pass over y costs next to nothing, packing W for a common product would cost more than both.
                Run(product);
                Run(new MatMulProduct
                {
                    A = Pointer(xa),
                    RowA = w.Rank,
                    ColumnA = 1,
                    B = Pointer(w.B),
                    RowB = 1,
                    ColumnB = w.Rank,
                    C = Pointer(y),
                    RowC = w.Out,
                    M = rows,
                    N = w.Out,
                    K = w.Rank,
                    Alpha = w.Scale,
                    Accumulate = true,
                }, epilogue);
                return;
            }

            product.TailA = Pointer(xa);
            product.TailRowA = w.Rank;
            product.TailB = Pointer(w.B);
            product.TailRowB = 1;
            product.TailColumnB = w.Rank;
            product.TailK = w.Rank;
            product.TailScale = w.Scale;
        }

        Run(product, epilogue);
    }

    public void LinearBackward(DeviceSpan<float> dx, in LinearGradients dw, DeviceSpan<float> dyb, DeviceSpan<float> dy, DeviceSpan<float> x,
        DeviceSpan<float> xa, in LinearOperands w, int rows, bool accumulate = false)
    {
        RequireLinear(w);
        RequireLength(dy, (long)rows * w.Out);
        RequireLength(x, (long)rows * w.In);
        RequireLength(xa, (long)rows * w.Rank);
        RequireLength(dyb, (long)rows * w.Rank);
        RequireLengthOrAbsent(dx, (long)rows * w.In);
        RequireLengthOrAbsent(dw.Weight, (long)w.Out * w.In);
        RequireLengthOrAbsent(dw.Bias, w.Out);
        RequireLengthOrAbsent(dw.A, (long)w.Rank * w.In);
        RequireLengthOrAbsent(dw.B, (long)w.Out * w.Rank);
        if (!dw.Weight.IsEmpty && w.Weight.Type != WeightType.F32)
            throw new ArgumentException($"a weight of type {w.Weight.Type} is frozen: its gradient is not formed");
        if (rows == 0)
            return;

        bool needsDyb = w.Rank > 0 && (!dx.IsEmpty || !dw.A.IsEmpty);
        if (needsDyb)
            MatMul(dyb, dy, w.B, new MatMulShape(MatMulLayout.NN, rows, w.Rank, w.Out));
        if (!dx.IsEmpty)
        {
            Run(new MatMulProduct
            {
                A = Pointer(dy),
                RowA = w.Out,
                ColumnA = 1,
                B = (float*)Pointer(w.Weight),
                RowB = w.In,
                ColumnB = 1,
                TypeB = w.Weight.Type,
                RowBytesB = (nint)w.Weight.Type.RowBytes(w.In),
                C = Pointer(dx),
                RowC = w.In,
                M = rows,
                N = w.In,
                K = w.Out,
                Alpha = 1,
                Accumulate = accumulate,
                TailA = Pointer(dyb),
                TailRowA = w.Rank,
                TailB = Pointer(w.A),
                TailRowB = w.In,
                TailColumnB = 1,
                TailK = w.Rank,
                TailScale = w.Scale,
            });
        }

        if (!dw.A.IsEmpty)
            MatMul(dw.A, dyb, x, new MatMulShape(MatMulLayout.TN, w.Rank, w.In, rows), w.Scale, accumulate: true);
        if (!dw.B.IsEmpty)
            MatMul(dw.B, dy, xa, new MatMulShape(MatMulLayout.TN, w.Out, w.Rank, rows), w.Scale, accumulate: true);
        if (!dw.Weight.IsEmpty)
            MatMul(dw.Weight, dy, x, new MatMulShape(MatMulLayout.TN, w.Out, w.In, rows), accumulate: true);
        if (!dw.Bias.IsEmpty)
        {
            var sums = new ColumnSumBody { Sums = Pointer(dw.Bias), X = Pointer(dy), Rows = rows, D = w.Out };
            ForColumns(w.Out, rows, ref sums);
        }
    }

    private static void RequireLinear(in LinearOperands w)
    {
        RequireLength(w.Weight, (long)w.Out * w.In);
        RequireLengthOrAbsent(w.Bias, w.Out);
        RequireLength(w.A, (long)w.Rank * w.In);
        RequireLength(w.B, (long)w.Out * w.Rank);
    }

    private static void RequireLengthOrAbsent(DeviceSpan<float> span, long length,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(span))] string name = "")
    {
        if (!span.IsEmpty)
            RequireLength(span, length, name);
    }
}
