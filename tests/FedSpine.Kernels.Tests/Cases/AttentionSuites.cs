namespace FedSpine.Kernels.Tests.Cases;

public sealed class AttentionSuite : CaseSuite
{
    public override IEnumerable<OperatorCase> Cases =>
        AllOf([(1, 1, 1, 1, 1), (1, 5, 1, 1, 1), (2, 7, 2, 2, 8), (3, 24, 2, 1, 16), (3, 33, 4, 2, 16), (2, 65, 3, 1, 7), (2, 49, 1, 1, 65), (0, 4, 1, 1, 4)]);

    public override IEnumerable<OperatorCase> LargeCases => AllOf([(3, 100, 2, 1, 32), (2, 130, 6, 3, 5), (1, 340, 2, 1, 9)]);

    private static IEnumerable<OperatorCase> AllOf((int B, int T, int QueryHeads, int KeyValueHeads, int HeadSize)[] shapes) =>
    [
        .. from s in shapes from causal in Both select new AttentionForwardCase(s.B, s.T, s.QueryHeads, s.KeyValueHeads, s.HeadSize, causal),
        .. from s in shapes from causal in Both select new AttentionBackwardCase(s.B, s.T, s.QueryHeads, s.KeyValueHeads, s.HeadSize, causal),
    ];

    public override IEnumerable<OperatorCase> GradientCases => [.. from causal in Both select new AttentionBackwardCase(2, 4, 4, 2, 3, causal)];
}
