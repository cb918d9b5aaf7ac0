using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>Examples of every length from T down to 0.</summary>
public sealed record TaylorImportanceCase(int B, int T, int G, int D) : OperatorCase
{
    public override Operator Operator => Operator.TaylorImportance;

    public override Action Prepare(Sandbox sandbox)
    {
        var lengths = TestData.Lengths(B, T);
        float[] x = TestData.Uniform(B * T * G * D, 1), dx = TestData.Uniform(B * T * G * D, 2), before = TestData.Uniform(G, 3);
        var gates = new double[B * G];
        var score = before.ToDouble();
        for (int b = 0; b < B; b++)
        {
            for (int g = 0; g < G; g++)
            {
                for (int t = 0; t < lengths[b]; t++)
                {
                    for (int d = 0; d < D; d++)
                    {
                        int i = ((b * T + t) * G + g) * D + d;
                        gates[b * G + g] += (double)x[i] * dx[i];
                    }
                }

                score[g] += Math.Abs(gates[b * G + g]);
            }
        }

        var spanScore = sandbox.Output("score", score, before, 3e-6);
        var spanGates = sandbox.Output("gates", gates, tolerance: 3e-6);
        var spanX = sandbox.Input("x", x);
        var spanDx = sandbox.Input("dx", dx);
        var spanLengths = sandbox.Integers(lengths);
        return () => sandbox.Backend.TaylorImportance(spanScore, spanGates, spanX, spanDx, spanLengths, B, T, G, D);
    }
}

/// <summary>
/// A batch added to the moments of <paramref name="Before"/> earlier positions (none: all zero). The columns' mean is 100 times
/// their deviation.
/// </summary>
public sealed record ColumnMomentsCase(int B, int T, int C, int Before) : OperatorCase
{
    public override Operator Operator => Operator.ColumnMoments;

    public override Action Prepare(Sandbox sandbox)
    {
        var lengths = TestData.Lengths(B, T);
        var x = Array.ConvertAll(TestData.Uniform(B * T * C, 1), v => 100 + v);
        var earlier = Array.ConvertAll(TestData.Uniform(Before * C, 2), v => 90 + v);
        float[] mean = new float[C], m2 = new float[C];
        double[] newMean = new double[C], newM2 = new double[C];
        double count = 0;
        for (int c = 0; c < C; c++)
        {
            double[] old = [.. Enumerable.Range(0, Before).Select(r => (double)earlier[r * C + c])];
            double[] added = [.. from b in Enumerable.Range(0, B) from t in Enumerable.Range(0, lengths[b]) select (double)x[(b * T + t) * C + c]];
            (_, double oldMean, double oldM2) = Moments(old);
            (mean[c], m2[c]) = ((float)oldMean, (float)oldM2);
            (count, newMean[c], newM2[c]) = Moments([.. old, .. added]);
        }

        var spanCount = sandbox.Output("count", [count], [Before], 0);
        var spanMean = sandbox.Output("mean", newMean, mean, 1e-6);
        var spanM2 = sandbox.Output("m2", newM2, m2, 1e-5);
        var spanX = sandbox.Input("x", x);
        var spanLengths = sandbox.Integers(lengths);
        return () => sandbox.Backend.ColumnMoments(spanCount, spanMean, spanM2, spanX, spanLengths, B, T, C);
    }

    private static (double Count, double Mean, double M2) Moments(double[] x)
    {
        double mean = x.Length == 0 ? 0 : x.Average();
        return (x.Length, mean, x.Sum(v => (v - mean) * (v - mean)));
    }
}

public sealed record SquareSumsCase(int M, int N, MatrixAxis Axis, WeightType Type = WeightType.F32) : OperatorCase
{
    public override Operator Operator => Operator.SquareSums;

    public override WeightType Stored => Type;

    public override Action Prepare(Sandbox sandbox)
    {
        var x = WeightReference.Stored(TestData.Uniform(M * N, 1), Type, N);
        var expected = new double[Axis == MatrixAxis.Rows ? M : N];
        for (int i = 0; i < x.Length; i++)
            expected[Axis == MatrixAxis.Rows ? i / N : i % N] += (double)x[i] * x[i];
        var y = sandbox.Output("y", expected, tolerance: 2e-6);
        var spanX = sandbox.Weight("x", TestData.Uniform(M * N, 1), Type, N);
        return () => sandbox.Backend.SquareSums(y, spanX, M, N, Axis);
    }
}

public sealed record LoraImportanceCase(int Out, int In, int Rank, MatrixAxis Axis, WeightType Type = WeightType.F32) : OperatorCase
{
    public override Operator Operator => Operator.LoraImportance;

    public override WeightType Stored => Type;

    private const float Scale = 1.75f;

    public override Action Prepare(Sandbox sandbox)
    {
        float[] w = WeightReference.Stored(TestData.Uniform(Out * In, 1), Type, In), a = TestData.Uniform(Rank * In, 2), b = TestData.Uniform(Out * Rank, 3);
        float[] dA = TestData.Uniform(Rank * In, 4), dB = TestData.Uniform(Out * Rank, 5);
        var score = new double[Axis == MatrixAxis.Rows ? Out : In];
        for (int o = 0; o < Out; o++)
        {
            for (int i = 0; i < In; i++)
            {
                double g = 0, weight = w[o * In + i];
                for (int r = 0; r < Rank; r++)
                {
                    double ar = a[r * In + i], br = b[o * Rank + r], dAr = dA[r * In + i], dBr = dB[o * Rank + r];
                    g += dBr * ar + br * dAr - dBr * dAr;
                    weight += Scale * br * ar;
                }

                score[Axis == MatrixAxis.Rows ? o : i] += g * weight * (g * weight);
            }
        }

        var spanScore = sandbox.Output("score", score, tolerance: 3e-6);
        var operands = new LinearOperands(
            sandbox.Weight("w", TestData.Uniform(Out * In, 1), Type, In), default, sandbox.Input("A", a), sandbox.Input("B", b), In, Out, Rank, Scale);
        var spanDA = sandbox.Input("dA", dA);
        var spanDB = sandbox.Input("dB", dB);
        return () => sandbox.Backend.LoraImportance(spanScore, operands, spanDA, spanDB, Axis);
    }
}
