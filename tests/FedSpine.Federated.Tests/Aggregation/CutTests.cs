using CsCheck;
using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;
using static FedSpine.Federated.Tests.Aggregation.AdapterCases;

namespace FedSpine.Federated.Tests.Aggregation;

public class CutTests
{
    [Fact]
    public void SvdCutsTheBestApproximationOfTheDevicesShare() =>
        Gen.Select(Rounds(covered: false), Gen.Int[1, 10]).Sample(
            (round, rank) =>
            {
                GlobalAdapter global = AggregatorFactory.Create("svd").Aggregate(Empty, round.Updates, out _);
                AdapterShape shape = Shape(round.Modules[^1]);
                AdapterModule cut = Cut("svd", global, shape, rank);
                double[,] share = Restrict(Dense(global.State.Modules[0]), shape);
                double[] values = SingularValues(share);
                // Eckart and Young: no matrix of this rank is nearer than the discarded singular values.
                double best = Math.Sqrt(values.Skip(rank).Sum(s => s * s));
                Assert.Equal(best, Distance(share, Dense(cut)), 1e-5 * Norm(share) + 1e-9);
            },
            iter: 200);

    [Theory]
    [InlineData("svd")]
    [InlineData("hetlora")]
    [InlineData("fedavg")]
    public void ACutOfEnoughRankIsTheShareItself(string rule) =>
        Rounds(covered: true, oneRank: true).Sample(
            round =>
            {
                GlobalAdapter global = AggregatorFactory.Create(rule).Aggregate(Empty, round.Updates, out _);
                AdapterShape shape = Shape(round.Modules[^1]);
                int rank = global.State.Modules[0].Rank;
                Close(Restrict(Dense(global.State.Modules[0]), shape), Dense(Cut(rule, global, shape, rank)), 1e-5);
                Close(Restrict(Dense(global.State.Modules[0]), shape), Dense(AggregatorFactory.Create(rule).Cut(global, [shape])!.Modules[0]), 1e-5);
            },
            iter: 100);

    [Fact]
    public void FloraDoesNotTruncateWhatIsFolded()
    {
        Round round = Make(20, 16, Axis.Rows, 3, true, false, 4);
        GlobalAdapter global = AggregatorFactory.Create("flora").Aggregate(Empty, round.Updates, out _);
        AdapterShape shape = Shape(round.Modules[^1]);
        Close(Restrict(Dense(global.State.Modules[0]), shape), Dense(Cut("flora", global, shape, 1)), 1e-6);
    }

    [Theory]
    [InlineData("svd")]
    [InlineData("hetlora")]
    public void ComponentsBeyondTheRankCanStillLearn(string rule)
    {
        Round round = Make(20, 24, Axis.Columns, 1, true, true, 9);
        GlobalAdapter global = AggregatorFactory.Create(rule).Aggregate(Empty, round.Updates, out _);
        int rank = global.State.Modules[0].Rank, more = rank + 5;
        AdapterShape shape = new(round.Modules[0].Module, 2, 20, 24, null, Kept(24, new DeterministicRandom(2)));
        AdapterModule cut = Cut(rule, global, shape, more);
        Close(Restrict(Dense(global.State.Modules[0]), shape), Dense(cut), 1e-5);
        for (int c = rank; c < more; c++)
        {
            Assert.All(Enumerable.Range(0, cut.RowCount), i => Assert.Equal(0, cut.B[i * more + c]));
            Assert.Equal(1 / Math.Sqrt(3), Math.Sqrt(Dot(cut, c, c)), 1e-5);
            for (int other = 0; other < c; other++)
                Assert.Equal(0, Dot(cut, c, other), 1e-5);
        }
        Assert.Equal(cut.A, Cut(rule, global, shape, more).A);
    }

    [Fact]
    public void NoRowOfAIsShorterThanInAFreshAdapter()
    {
        AdapterModule tiny = Module(12, 10, 4, 1e-6f, null, null, new DeterministicRandom(1));
        AdapterModule cut = Cut("svd", new GlobalAdapter(State(tiny)), Shape(tiny) with { Scale = 2 }, 4);
        Close(Dense(tiny), Dense(cut), 1e-5);
        for (int c = 0; c < 4; c++)
            Assert.Equal(1 / Math.Sqrt(3), Math.Sqrt(Dot(cut, c, c)), 1e-5);
    }

    [Fact]
    public void AModuleThatNobodyTrainedStartsFresh()
    {
        GlobalAdapter global = new(State(Module(6, 5, 2, 1, null, null, new DeterministicRandom(3))));
        AdapterModule cut = Cut("svd", global, new AdapterShape("layer.0.key", 2, 6, 5, [1, 2], null), 8);
        Assert.Equal(8, cut.Rank);
        Assert.All(cut.B, b => Assert.Equal(0, b));
        Assert.All(cut.A, a => Assert.True(float.IsFinite(a) && a != 0));
    }

    private static readonly GlobalAdapter Empty = GlobalAdapter.Empty(new Dictionary<string, float[]>());

    private static AdapterModule Cut(string rule, GlobalAdapter global, AdapterShape shape, int rank) =>
        AggregatorFactory.Create(rule).Cut(global, [shape], rank)!.Modules[0];

    private static double Dot(AdapterModule m, int row, int other) =>
        Enumerable.Range(0, m.ColumnCount).Sum(j => (double)m.A[row * m.ColumnCount + j] * m.A[other * m.ColumnCount + j]);
}
