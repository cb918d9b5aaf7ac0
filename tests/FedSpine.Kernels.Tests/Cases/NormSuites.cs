namespace FedSpine.Kernels.Tests.Cases;

public sealed class RmsNormSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths from inPlace in Both select new RmsNormForwardCase(3, D, inPlace),
        .. from D in Lengths select new AddNormForwardCase(3, D, Layer: false),
        .. from D in Lengths from weight in Both from inPlace in Both select new RmsNormBackwardCase(5, D, weight, inPlace),
        .. from D in Lengths from weight in Both select new RmsNormBackwardCase(2, D, weight, Accumulate: true),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
        [new RmsNormForwardCase(401, 131), new AddNormForwardCase(401, 131, Layer: false), new RmsNormBackwardCase(301, 131, true, InPlace: true), new RmsNormBackwardCase(401, 131, true, Accumulate: true)];

    public override IEnumerable<OperatorCase> GradientCases => [new RmsNormBackwardCase(2, 11, true)];
}

public sealed class LayerNormSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths from inPlace in Both select new LayerNormForwardCase(3, D, inPlace),
        .. from D in Lengths select new AddNormForwardCase(3, D, Layer: true),
        .. from D in Lengths from weight in Both from bias in Both select new LayerNormBackwardCase(5, D, weight, bias, InPlace: weight == bias),
        .. from D in Lengths from weight in Both select new LayerNormBackwardCase(2, D, weight, !weight, Accumulate: true),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
    [
        new LayerNormForwardCase(401, 131),
        new AddNormForwardCase(401, 131, Layer: true),
        new LayerNormBackwardCase(301, 131, true, true, InPlace: true),
        new LayerNormBackwardCase(301, 131, true, true, Accumulate: true),
    ];

    public override IEnumerable<OperatorCase> GradientCases => [new LayerNormBackwardCase(2, 11, true, true)];
}
