namespace FedSpine.Kernels.Tests.Cases;

public sealed class RopeSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        from D in new[] { 2, 4, 6, 8, 10, 16, 18, 30, 32, 34, 64, 66, 128 } from inverse in Both select new RopeCase(2, 3, 2, D, inverse);

    public override IEnumerable<OperatorCase> LargeCases => [new RopeCase(3, 101, 5, 34), new RopeCase(3, 101, 5, 34, Inverse: true)];
}

public sealed class EmbeddingSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths from accumulate in Both select new EmbeddingForwardCase(4, D, 3, accumulate),
        .. from D in Lengths select new EmbeddingBackwardCase(9, D, 3),
        new EmbeddingForwardCase(0, 4, 3),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
        [new EmbeddingForwardCase(501, 131, 37), new EmbeddingForwardCase(501, 131, 37, Accumulate: true), new EmbeddingBackwardCase(501, 331, 37)];
}

public sealed class GatherRowsSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases => [.. from D in Lengths select new GatherRowsCase(4, D, 7), new GatherRowsCase(0, 3, 4)];

    public override IEnumerable<OperatorCase> LargeCases => [new GatherRowsCase(501, 131, 601)];
}

public sealed class GatherColumnsSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases => [.. from D in Lengths select new GatherColumnsCase(3, D, 5), new GatherColumnsCase(4, 3, 0)];

    public override IEnumerable<OperatorCase> LargeCases => [new GatherColumnsCase(501, 211, 131)];
}
