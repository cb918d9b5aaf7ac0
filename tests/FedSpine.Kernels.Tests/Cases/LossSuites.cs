namespace FedSpine.Kernels.Tests.Cases;

public sealed class SoftmaxSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from C in Lengths from inPlace in Both select new SoftmaxCase(3, C, InPlace: inPlace),
        .. from shift in new[] { -1e6f, 1e4f } select new SoftmaxCase(2, 33, Shift: shift),
        new SoftmaxCase(2, 70, Spread: 200),
        new SoftmaxCase(0, 5),
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new SoftmaxCase(301, 199), new SoftmaxCase(3, 50_001, InPlace: true)];
}

public sealed class CrossEntropySuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from C in Lengths from gradient in Enum.GetValues<LossGradient>() select new CrossEntropyCase(4, C, gradient),
        .. from shift in new[] { -1e5f, 1e4f } select new CrossEntropyCase(2, 33, LossGradient.Separate, Shift: shift),
        new CrossEntropyCase(3, 70, LossGradient.OnLogits, Spread: 300),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
        [new CrossEntropyCase(301, 199, LossGradient.OnLogits), new CrossEntropyCase(3, 50_001, LossGradient.Separate)];

    public override IEnumerable<OperatorCase> GradientCases => [new CrossEntropyCase(3, 9, LossGradient.Separate)];
}
