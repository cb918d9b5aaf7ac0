namespace FedSpine.Kernels.Tests.Cases;

public sealed class LinearSuite : CaseSuite
{
    private static readonly LinearGradientSet[] Wanted =
    [
        LinearGradientSet.None, LinearGradientSet.Input, LinearGradientSet.Adapter, LinearGradientSet.Input | LinearGradientSet.Adapter,
        LinearGradientSet.Weight, LinearGradientSet.Bias, LinearGradientSet.All,
    ];

    public override IEnumerable<OperatorCase> Cases =>
        AllOf([(0, 3, 2, 1), (1, 1, 1, 1), (1, 33, 65, 4), (7, 65, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16), (13, 17, 33, 13), (4, 64, 37, 20)]);

    public override IEnumerable<OperatorCase> LargeCases => AllOf([(50, 63, 130, 5), (100, 340, 72, 8), (29, 40, 700, 3), (130, 128, 128, 16), (3, 512, 700, 8), (260, 245, 250, 6)]);

    private static IEnumerable<OperatorCase> AllOf((int Rows, int In, int Out, int Rank)[] shapes) =>
    [
        .. from s in shapes from bias in Both select new LinearForwardCase(s.Rows, s.In, s.Out, s.Rank, bias),
        .. from s in shapes from gated in Both from inPlace in Both select new LinearActivationCase(s.Rows, s.In, s.Out, s.Rank, gated, inPlace),
        .. from s in shapes
           from wanted in Wanted
           from accumulate in Both
           select new LinearBackwardCase(s.Rows, s.In, s.Out, s.Rank, wanted, accumulate),
    ];

    public override IEnumerable<OperatorCase> GradientCases => [new LinearBackwardCase(3, 5, 4, 2, LinearGradientSet.All, Accumulate: false)];
}
