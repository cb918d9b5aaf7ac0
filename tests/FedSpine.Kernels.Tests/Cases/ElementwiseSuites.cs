namespace FedSpine.Kernels.Tests.Cases;

public sealed class FillSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases => [.. from n in Lengths select new FillCase(n, 1.25f), new FillCase(0, 1)];

    public override IEnumerable<OperatorCase> LargeCases => [new FillCase(100_003, -3)];
}

public sealed class CopySuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases => [.. from n in Lengths select new CopyCase(n), new CopyCase(0)];

    public override IEnumerable<OperatorCase> LargeCases => [new CopyCase(100_003)];
}

public sealed class MapSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from n in Lengths from inPlace in Both select new UnaryMapCase(n, inPlace),
        .. from n in Lengths from operand in Enumerable.Range(0, 3) select new BinaryMapCase(n, operand),
        .. from n in Lengths from operand in Enumerable.Range(0, 4) select new TernaryMapCase(n, operand),
        .. from n in Lengths from onDh in Both select new SwiGluBackwardCase(n, onDh),
        new UnaryMapCase(0),
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new UnaryMapCase(50_003), new BinaryMapCase(50_003), new TernaryMapCase(50_003, 3), new SwiGluBackwardCase(50_003, true)];
}

public sealed class DropoutSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from n in Lengths from inPlace in Both select new DropoutCase(n, 0.3f, 42, inPlace),
        new DropoutCase(65, 0, 1),
        new DropoutCase(65, 0.999f, ulong.MaxValue),
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new DropoutCase(100_003, 0.1f, 7)];
}
