using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>Softmax of logits in [-Spread, Spread] around Shift: a large shift overflows unless the maximum is taken off.</summary>
public sealed record SoftmaxCase(int Rows, int C, float Spread = 4, float Shift = 0, bool InPlace = false) : OperatorCase
{
    public override Operator Operator => Operator.Softmax;

    public override Action Prepare(Sandbox sandbox)
    {
        var logits = Array.ConvertAll(TestData.Uniform(Rows * C, 1), v => Shift + Spread * v);
        var expected = RowMajor.Map(logits.ToDouble(), C, (x, _) => LossReference.Softmax(x));
        var y = InPlace ? sandbox.Output("y on x", expected, logits, 1e-6, 0) : sandbox.Output("y", expected, tolerance: 1e-6, floor: 0);
        var x = InPlace ? y : sandbox.Input("x", logits);
        return () => sandbox.Backend.Softmax(y, x, Rows, C);
    }
}

public enum LossGradient
{
    Absent,
    Separate,
    OnLogits,
}

/// <summary>Cross-entropy; every third target is negative (ignored), the others run over all classes.</summary>
public sealed record CrossEntropyCase(int Rows, int C, LossGradient Gradient, float Spread = 4, float Shift = 0) : OperatorCase
{
    private const float GradScale = 0.375f;

    public override Operator Operator => Operator.CrossEntropy;

    private float[] Logits => Array.ConvertAll(TestData.Uniform(Rows * C, 1), v => Shift + Spread * v);

    private int[] Targets => [.. Enumerable.Range(0, Rows).Select(r => r % 3 == 1 ? -1 - r : (r + C - 1) % C)];

    public override Action Prepare(Sandbox sandbox)
    {
        var logits = Logits;
        int[] targets = Targets;
        var losses = sandbox.Output("losses", RowMajor.Map(logits.ToDouble(), C, (x, r) => [LossReference.CrossEntropy(x, targets[r])]), tolerance: 1e-6);
        var expected = RowMajor.Map(logits.ToDouble(), C, (x, r) => LossReference.CrossEntropyBackward(x, targets[r], GradScale));
        var dlogits = Gradient switch
        {
            LossGradient.Separate => sandbox.Output("dlogits", expected, tolerance: 1e-6, floor: 0.01),
            LossGradient.OnLogits => sandbox.Output("dlogits on logits", expected, logits, 1e-6, 0.01),
            _ => default,
        };
        var spanLogits = Gradient == LossGradient.OnLogits ? dlogits : sandbox.Input("logits", logits);
        var spanTargets = sandbox.Integers(targets);
        return () => sandbox.Backend.CrossEntropy(losses, dlogits, spanLogits, spanTargets, Rows, C, GradScale);
    }

    public override IEnumerable<(string Gradient, double Error)> GradientErrors()
    {
        var targets = Targets;
        var logits = Logits.ToDouble();
        return [("dlogits", FiniteDifferences.Error(RowMajor.Map(logits, C, (x, r) => LossReference.CrossEntropyBackward(x, targets[r], GradScale)),
            all => RowMajor.Map(all, C, (x, r) => [LossReference.CrossEntropy(x, targets[r])]), logits, [.. Enumerable.Repeat((double)GradScale, Rows)]))];
    }
}
