using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Tests.Cases;

/// <summary>Frozen weights of 16 and 8 bits: operators against float64 over the values that are stored.</summary>
public abstract class WeightSuite : CaseSuite
{
    protected static readonly WeightType[] Types = [WeightType.BF16, WeightType.Q8_0];
}

public sealed class WeightLinearSuite : WeightSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. Forward([(0, 3, 2, 1), (1, 1, 1, 0), (1, 33, 65, 4), (2, 64, 9, 0), (3, 95, 6, 2), (4, 172, 37, 20), (7, 65, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16), (13, 17, 33, 13)]),
        .. from length in Lengths from type in Types select new LinearForwardCase(1, length, 5, 0, false, type),
        .. from length in Lengths from type in Types select new LinearBackwardCase(3, length, length, 0, LinearGradientSet.Input, false, type),
        .. Backward([(0, 3, 2, 1), (1, 33, 65, 4), (5, 172, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16)]),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
    [
        .. Forward([(1, 512, 700, 0), (3, 500, 700, 8), (12, 300, 200, 0), (100, 340, 72, 8), (29, 40, 700, 3), (130, 128, 128, 16), (260, 245, 250, 6)]),
        .. Backward([(3, 512, 700, 8), (100, 340, 72, 8), (130, 128, 128, 16), (260, 245, 250, 6)]),
    ];

    private static IEnumerable<OperatorCase> Forward((int Rows, int In, int Out, int Rank)[] shapes) =>
        from s in shapes from bias in Both from type in Types select new LinearForwardCase(s.Rows, s.In, s.Out, s.Rank, bias, type);

    private static IEnumerable<OperatorCase> Backward((int Rows, int In, int Out, int Rank)[] shapes) =>
        from s in shapes
        from wanted in new[] { LinearGradientSet.Input, LinearGradientSet.Input | LinearGradientSet.Adapter | LinearGradientSet.Bias }
        from accumulate in Both
        from type in Types
        select new LinearBackwardCase(s.Rows, s.In, s.Out, s.Rank, wanted, accumulate, type);
}

public sealed class WeightTableSuite : WeightSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths from accumulate in Both from type in Types select new EmbeddingForwardCase(4, D, 3, accumulate, type),
        .. from N in Lengths from axis in Axes from type in Types select new SquareSumsCase(3, N, axis, type),
        .. from In in Lengths from axis in Axes from type in Types select new LoraImportanceCase(3, In, 2, axis, type),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
    [
        .. from type in Types select new EmbeddingForwardCase(501, 131, 37, false, type),
        .. from axis in Axes from type in Types select new SquareSumsCase(101, 605, axis, type),
        .. from axis in Axes from type in Types select new LoraImportanceCase(101, 305, 5, axis, type),
    ];

    private static MatrixAxis[] Axes => [MatrixAxis.Rows, MatrixAxis.Columns];
}
