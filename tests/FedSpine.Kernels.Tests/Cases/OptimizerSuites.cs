namespace FedSpine.Kernels.Tests.Cases;

public sealed class AdamWSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        from n in Lengths from scale in new float?[] { null, 1, 0.25f, 0 } select new AdamWCase(n, scale, n % 2 == 0 ? 0 : 0.01f);

    public override IEnumerable<OperatorCase> LargeCases => [new AdamWCase(100_003, 0.5f)];
}

public sealed class GradientNormSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        from n in Lengths from maxNorm in new[] { 0, 0.25f, 10 } select new GradientNormCase(n, maxNorm);

    public override IEnumerable<OperatorCase> LargeCases => [new GradientNormCase(1_000_003, 0.1f)];
}
