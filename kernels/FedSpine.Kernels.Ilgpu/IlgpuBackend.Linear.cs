using FedSpine.Kernels.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace FedSpine.Kernels.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Most rows of x that one group carries along a row of W.</summary>
    private const int MostRows = 4;

    internal struct LinearRowsArguments
    {
        public int In, Out, Rows;
        public int Rank; // 0: no adapter
        public float Scale;
        public int HasBias;
    }

    private Action<KernelConfig, FloatView, FloatView, int> ColumnSumLauncher =>
        field ??= Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, int>(ColumnSumKernel));

    private Action<KernelConfig, FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, LinearRowsArguments> LinearRowsLauncher<TWeight>()
        where TWeight : struct, IWeightReader
    {
        if (!_launchers.TryGetValue((nameof(LinearRowsKernel), typeof(TWeight)), out var launcher))
        {
            _launchers[(nameof(LinearRowsKernel), typeof(TWeight))] = launcher =
                Loaded(_accelerator.LoadStreamKernel<FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, LinearRowsArguments>(LinearRowsKernel<TWeight>));
        }

        return (Action<KernelConfig, FloatView, FloatView, DeviceWeight, FloatView, FloatView, FloatView, LinearRowsArguments>)launcher;
    }

    public void LinearForward(DeviceSpan<float> y, DeviceSpan<float> xa, DeviceSpan<float> x, in LinearOperands w, int rows)
    {
        RequireLinear(w);
        RequireLength(y, (long)rows * w.Out);
        RequireLength(xa, (long)rows * w.Rank);
        RequireLength(x, (long)rows * w.In);
        if (rows == 0 || w.Out == 0)
            return;
        if (rows <= MostRows)
        {
            if (w.Rank > 0)
                MultiplyRows<ReadF32>(xa, x, Weight(w.A, w.In), default, default, default, new LinearRowsArguments { In = w.In, Out = w.Rank, Rows = rows });
            var few = new LinearRowsArguments { In = w.In, Out = w.Out, Rows = rows, Rank = w.Rank, Scale = w.Scale, HasBias = w.Bias.IsEmpty ? 0 : 1 };
            switch (w.Weight.Type)
            {
                case WeightType.F32: MultiplyRows<ReadF32>(y, x, Weight(w.Weight, w.In), xa, w.B, w.Bias, few); break;
                case WeightType.BF16: MultiplyRows<ReadBF16>(y, x, Weight(w.Weight, w.In), xa, w.B, w.Bias, few); break;
                default: MultiplyRows<ReadQ8>(y, x, Weight(w.Weight, w.In), xa, w.B, w.Bias, few); break;
            }

            return;
        }

        if (w.Rank > 0)
            MatMul(xa, x, w.A, new MatMulShape(MatMulLayout.NT, rows, w.Rank, w.In));
        MultiplyWeight(y, x, w.Weight, xa, w.B, w.Bias, new MatMulArguments
        {
            M = rows, N = w.Out, K = w.In, RowA = w.In, ColumnA = 1, TransposedB = 1, RowC = w.Out,
            TailK = w.Rank, TailRowB = 1, TailColumnB = w.Rank, TailScale = w.Scale, Alpha = 1, HasBias = w.Bias.IsEmpty ? 0 : 1,
        });
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

        if (w.Rank > 0 && (!dx.IsEmpty || !dw.A.IsEmpty))
            MatMul(dyb, dy, w.B, new MatMulShape(MatMulLayout.NN, rows, w.Rank, w.Out));
        if (!dx.IsEmpty)
        {
            MultiplyWeight(dx, dy, w.Weight, dyb, w.A, default, new MatMulArguments
            {
                M = rows, N = w.In, K = w.Out, RowA = w.Out, ColumnA = 1, RowC = w.In, Accumulate = accumulate ? 1 : 0,
                TailK = w.Rank, TailRowB = w.In, TailColumnB = 1, TailScale = w.Scale, Alpha = 1,
            });
        }

        if (!dw.A.IsEmpty)
            MatMul(dw.A, dyb, x, new MatMulShape(MatMulLayout.TN, w.Rank, w.In, rows), w.Scale, accumulate: true);
        if (!dw.B.IsEmpty)
            MatMul(dw.B, dy, xa, new MatMulShape(MatMulLayout.TN, w.Out, w.Rank, rows), w.Scale, accumulate: true);
        if (!dw.Weight.IsEmpty)
            MatMul(dw.Weight, dy, x, new MatMulShape(MatMulLayout.TN, w.Out, w.In, rows), accumulate: true);
        if (!dw.Bias.IsEmpty)
            ColumnSumLauncher(Columns(w.Out), View(dw.Bias), View(dy), rows);
    }

    private void MultiplyWeight(DeviceSpan<float> c, DeviceSpan<float> a, WeightSpan b, DeviceSpan<float> tailA, DeviceSpan<float> tailB, DeviceSpan<float> bias,
        in MatMulArguments arguments)
    {
        var weight = Weight(b, arguments.TransposedB != 0 ? arguments.K : arguments.N);
        switch (b.Type)
        {
            case WeightType.F32: Multiply<ReadF32>(View(c), View(a), weight, tailA, tailB, bias, arguments, 1); break;
            case WeightType.BF16: Multiply<ReadBF16>(View(c), View(a), weight, tailA, tailB, bias, arguments, 1); break;
            default: Multiply<ReadQ8>(View(c), View(a), weight, tailA, tailB, bias, arguments, 1); break;
        }
    }

    private void MultiplyRows<TWeight>(DeviceSpan<float> y, DeviceSpan<float> x, DeviceWeight w, DeviceSpan<float> xa, DeviceSpan<float> b, DeviceSpan<float> bias,
        in LinearRowsArguments arguments) where TWeight : struct, IWeightReader =>
        LinearRowsLauncher<TWeight>()(new KernelConfig(arguments.Out, _attentionGroup), View(y), View(x), w, View(xa), View(b), View(bias), arguments);

    /// <summary>
    /// Few rows, as when tokens are decoded: one group per output, which reads its row of W once. Each row of x sums alone and in the same
    /// order, however many there are.
    /// </summary>
    private static void LinearRowsKernel<TWeight>(FloatView y, FloatView x, DeviceWeight w, FloatView xa, FloatView b, FloatView bias, LinearRowsArguments p)
        where TWeight : struct, IWeightReader
    {
        var shared = SharedMemory.Allocate<float>(MaxGroup);
        int n = Grid.IdxX;
        Four sums = default; // of up to four rows
        int k = Group.IdxX, step = Group.DimX;
        for (; k + 7 * step < p.In; k += 8 * step)
        {
            // Eight reads are asked for before the first is used: decoding is as fast as W arrives.
            RawElement w0 = TWeight.Load(w, n, k), w1 = TWeight.Load(w, n, k + step), w2 = TWeight.Load(w, n, k + 2 * step), w3 = TWeight.Load(w, n, k + 3 * step);
            RawElement w4 = TWeight.Load(w, n, k + 4 * step), w5 = TWeight.Load(w, n, k + 5 * step), w6 = TWeight.Load(w, n, k + 6 * step), w7 = TWeight.Load(w, n, k + 7 * step);
            sums = AddRows(sums, TWeight.Decode(w0, k), x, k, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w1, k + step), x, k + step, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w2, k + 2 * step), x, k + 2 * step, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w3, k + 3 * step), x, k + 3 * step, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w4, k + 4 * step), x, k + 4 * step, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w5, k + 5 * step), x, k + 5 * step, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w6, k + 6 * step), x, k + 6 * step, p.In, p.Rows);
            sums = AddRows(sums, TWeight.Decode(w7, k + 7 * step), x, k + 7 * step, p.In, p.Rows);
        }

        for (; k < p.In; k += step)
            sums = AddRows(sums, TWeight.At(w, n, k), x, k, p.In, p.Rows);
        for (k = Group.IdxX; k < p.Rank; k += step)
            sums = AddRows(sums, p.Scale * b[n * p.Rank + k], xa, k, p.Rank, p.Rows);

        StoreSum(y, bias, p, n, 0, GroupSum(shared, sums.X));
        if (p.Rows > 1)
            StoreSum(y, bias, p, n, 1, GroupSum(shared, sums.Y));
        if (p.Rows > 2)
            StoreSum(y, bias, p, n, 2, GroupSum(shared, sums.Z));
        if (p.Rows > 3)
            StoreSum(y, bias, p, n, 3, GroupSum(shared, sums.W));
    }

    /// <summary>Sums + weight times element k of every row.</summary>
    private static Four AddRows(Four sums, float weight, FloatView x, int k, int stride, int rows)
    {
        sums.X += weight * x[k];
        if (rows > 1)
            sums.Y += weight * x[stride + k];
        if (rows > 2)
            sums.Z += weight * x[2 * stride + k];
        if (rows > 3)
            sums.W += weight * x[3 * stride + k];
        return sums;
    }

    private static void StoreSum(FloatView y, FloatView bias, LinearRowsArguments p, int n, int row, float sum)
    {
        if (Group.IdxX != 0)
            return;
        if (p.HasBias != 0)
            sum += bias[n];
        y[row * p.Out + n] = sum;
    }

    private static void RequireLinear(in LinearOperands w)
    {
        RequireLength(w.Weight, (long)w.Out * w.In);
        RequireLengthOrAbsent(w.Bias, w.Out);
        RequireLength(w.A, (long)w.Rank * w.In);
        RequireLength(w.B, (long)w.Out * w.Rank);
    }
}
