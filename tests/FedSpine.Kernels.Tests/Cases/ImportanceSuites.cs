namespace FedSpine.Kernels.Tests.Cases;

public sealed class TaylorImportanceSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths select new TaylorImportanceCase(3, 5, 3, D),
        .. from G in Lengths select new TaylorImportanceCase(3, 5, G, 1), // channels
        new TaylorImportanceCase(1, 1, 1, 1),
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new TaylorImportanceCase(4, 65, 7, 34), new TaylorImportanceCase(4, 65, 333, 1)];
}

public sealed class ColumnMomentsSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from C in Lengths from before in new[] { 0, 7 } select new ColumnMomentsCase(3, 5, C, before),
        new ColumnMomentsCase(1, 1, 1, 0),
        new ColumnMomentsCase(1, 0, 3, 4), // nothing to add
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new ColumnMomentsCase(4, 65, 333, 11)];
}

public sealed class SquareSumsSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        from n in Lengths from axis in Enum.GetValues<MatrixAxis>() select new SquareSumsCase(5, n, axis);

    public override IEnumerable<OperatorCase> LargeCases => from axis in Enum.GetValues<MatrixAxis>() select new SquareSumsCase(301, 233, axis);
}

public sealed class LoraImportanceSuite : CaseSuite
{
    private static readonly MatrixAxis[] Axes = Enum.GetValues<MatrixAxis>();

    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from n in Lengths from axis in Axes select new LoraImportanceCase(5, n, 3, axis),
        .. from n in Lengths from axis in Axes select new LoraImportanceCase(n, 19, 2, axis),
        .. from rank in new[] { 0, 1, 4, 8, 33 } from axis in Axes select new LoraImportanceCase(6, 70, rank, axis),
    ];

    public override IEnumerable<OperatorCase> LargeCases => from axis in Axes select new LoraImportanceCase(131, 333, 5, axis);
}
