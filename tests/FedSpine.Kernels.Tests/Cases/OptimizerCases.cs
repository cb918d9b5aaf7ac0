namespace FedSpine.Kernels.Tests.Cases;

/// <summary>One AdamW step on states in the middle of training; <paramref name="GradScale"/> null: absent.</summary>
public sealed record AdamWCase(int Length, float? GradScale, float WeightDecay = 0.01f) : OperatorCase
{
    public override Operator Operator => Operator.AdamW;

    private AdamWStep Step => new(0.01f, 0.9f, 0.999f, 1e-8f, WeightDecay, 1 - MathF.Pow(0.9f, 3), 1 - MathF.Pow(0.999f, 3));

    public override Action Prepare(Sandbox sandbox)
    {
        var step = Step;
        float[] w = TestData.Uniform(Length, 1), m = TestData.Uniform(Length, 2), g = TestData.Uniform(Length, 4);
        var v = Array.ConvertAll(TestData.Uniform(Length, 3), Math.Abs);
        double[] wNew = w.ToDouble(), mNew = m.ToDouble(), vNew = v.ToDouble();
        for (int i = 0; i < Length && GradScale != 0; i++)
        {
            double gradient = g[i] * (double)(GradScale ?? 1);
            mNew[i] = step.Beta1 * (double)m[i] + (1 - (double)step.Beta1) * gradient;
            vNew[i] = step.Beta2 * (double)v[i] + (1 - (double)step.Beta2) * gradient * gradient;
            double mHat = mNew[i] / step.BiasCorrection1, vHat = vNew[i] / step.BiasCorrection2;
            wNew[i] -= step.LearningRate * (mHat / (Math.Sqrt(vHat) + step.Epsilon) + step.WeightDecay * w[i]);
        }

        var spanW = sandbox.Output("w", wNew, w, 1e-6);
        var spanM = sandbox.Output("m", mNew, m, 1e-6);
        var spanV = sandbox.Output("v", vNew, v, 1e-6);
        var spanG = sandbox.Input("g", g);
        var scale = GradScale is { } value ? sandbox.Input("gradScale", [value]) : default;
        return () => sandbox.Backend.AdamW(spanW, spanM, spanV, spanG, scale, step);
    }
}

/// <summary>The norm and the clip factor of a gradient; both are of order 1, so that one tolerance serves.</summary>
public sealed record GradientNormCase(int Length, float MaxNorm) : OperatorCase
{
    public override Operator Operator => Operator.GradientNorm;

    public override Action Prepare(Sandbox sandbox)
    {
        var g = Array.ConvertAll(TestData.Uniform(Length, 1), v => v / MathF.Sqrt(Length));
        double value = Math.Sqrt(g.Sum(v => (double)v * v));
        double factor = MaxNorm == 0 || value <= MaxNorm ? 1 : MaxNorm / value;
        var norm = sandbox.Output("norm", [value, factor], tolerance: 2e-7);
        var spanG = sandbox.Input("g", g);
        return () => sandbox.Backend.GradientNorm(norm, spanG, MaxNorm);
    }
}
