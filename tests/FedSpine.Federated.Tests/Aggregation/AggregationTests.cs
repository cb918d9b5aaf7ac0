using CsCheck;
using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;
using static FedSpine.Federated.Tests.Aggregation.AdapterCases;

namespace FedSpine.Federated.Tests.Aggregation;

public class AggregationTests
{
    private static readonly GlobalAdapter Nothing = GlobalAdapter.Empty(new Dictionary<string, float[]>());

    [Fact]
    public void SvdIsTheDenseWeightedSum() =>
        Rounds(covered: false).Sample(round => Close(Target(round), Dense(Merge("svd", Nothing, round)), 1e-5), iter: 400);

    [Fact]
    public void SvdKeepsThePreviousValuesWhereNobodyHoldsAnything() =>
        Gen.Select(Rounds(covered: false), Rounds(covered: true)).Sample(
            (round, earlier) =>
            {
                Round first = Make(round.Out, round.In, Axis.None, earlier.Modules.Length, true, false, 5);
                GlobalAdapter previous = Aggregate("svd", Nothing, first);
                Close(Target(round, Dense(previous.State.Modules[0])), Dense(Merge("svd", previous, round)), 1e-5);
            },
            iter: 200);

    [Fact]
    public void FloraIsThePreviousPlusTheWeightedSum() =>
        Rounds(covered: false).Sample(
            round =>
            {
                GlobalAdapter once = Aggregate("flora", Nothing, round);
                Close(Target(round), Dense(once.State.Modules[0]), 1e-6);
                AdapterModule twice = Merge("flora", once, round);
                double[,] target = Target(round);
                Close(Build(round.Out, round.In, (i, j) => 2 * target[i, j]), Dense(twice), 1e-6);
                // The same update again adds no direction, and no matrix needs more than its smaller side.
                Assert.InRange(twice.Rank, 1, Math.Min(Math.Min(round.Out, round.In), round.Modules.Sum(m => m.Rank)));
            },
            iter: 300);

    [Theory]
    [InlineData("svd")]
    [InlineData("flora")]
    [InlineData("fedavg")]
    [InlineData("hetlora")]
    public void IdenticalDevicesChangeNothing(string rule) =>
        Rounds(covered: true).Sample(
            round =>
            {
                AdapterModule one = round.Modules[0];
                AdapterUpdate[] updates = [.. round.Weights.Select((w, k) => new AdapterUpdate(k, w, State(one)))];
                AdapterModule merged = AggregatorFactory.Create(rule).Aggregate(Nothing, updates, out double error).State.Modules[0];
                Close(Dense(one), Dense(merged), 1e-6);
                Assert.InRange(error, 0, 1e-6 * Norm(Dense(one)));
            },
            iter: 100);

    [Theory]
    [InlineData("svd", false)]
    [InlineData("flora", false)]
    [InlineData("fedavg", true)]
    [InlineData("hetlora", false)]
    public void TheOrderOfDevicesDoesNotMatter(string rule, bool oneRank) =>
        Rounds(covered: true, oneRank).Sample(
            round =>
            {
                Round reversed = round with { Modules = [.. round.Modules.Reverse()], Weights = [.. round.Weights.Reverse()] };
                Close(Dense(Merge(rule, Nothing, round)), Dense(Merge(rule, Nothing, reversed)), 1e-5);
            },
            iter: 100);

    [Theory]
    [InlineData("svd")]
    [InlineData("hetlora")]
    public void MergingTwiceGivesTheSameBits(string rule)
    {
        Round round = Make(33, 21, Axis.Rows, 4, false, false, 11);
        AdapterModule a = Merge(rule, Nothing, round), b = Merge(rule, Nothing, round);
        Assert.Equal(a.A, b.A);
        Assert.Equal(a.B, b.B);
    }

    [Fact]
    public void FedAvgAveragesFactorsOverTheirHolders() =>
        Rounds(covered: true, oneRank: true).Sample(
            round => Close(ProductOfMeans(round, round.Weights), Dense(Merge("fedavg", Nothing, round)), 1e-5),
            iter: 200);

    [Fact]
    public void HetLoraPadsAndWeighsByNorm() =>
        Rounds(covered: true).Sample(
            round =>
            {
                AdapterModule merged = Merge("hetlora", Nothing, round);
                Assert.Equal(round.Modules.Max(m => m.Rank), merged.Rank);
                Close(ProductOfMeans(round, [.. round.Modules.Select(m => Norm(Dense(m)))]), Dense(merged), 1e-5);
            },
            iter: 200);

    [Theory]
    [InlineData("fedavg")]
    [InlineData("hetlora")]
    public void AveragedFactorsKeepTheRowsThatNobodyHolds(string rule)
    {
        var random = new DeterministicRandom(3);
        GlobalAdapter previous = new(State(Module(6, 5, 2, 1, null, null, random)));
        AdapterModule update = Module(6, 5, 2, 1, [0, 2, 3], null, random);
        AdapterModule merged = AggregatorFactory.Create(rule).Aggregate(previous, [new AdapterUpdate(0, 1, State(update))], out _).State.Modules[0];
        Assert.Equal(previous.State.Modules[0].B[2..4], merged.B[2..4]);
        Assert.Equal(previous.State.Modules[0].B[8..], merged.B[8..]);
        Assert.Equal(update.B[..2], merged.B[..2]);
        Assert.Equal(update.A, merged.A);
    }

    [Fact]
    public void TheErrorIsWhatAveragingFactorsGetsWrong() =>
        Rounds(covered: false).Sample(
            round =>
            {
                Aggregate("svd", Nothing, round, out double error);
                double dense = Distance(Target(round), ProductOfMeans(round, round.Weights));
                Assert.Equal(dense, error, 1e-6 * (1 + dense));
            },
            iter: 300);

    [Fact]
    public void NormsAreThoseOfTheProduct() =>
        Rounds(covered: false).Sample(
            round =>
            {
                Assert.All(round.Modules, m => Assert.Equal(Norm(Dense(m)), AdapterNorm.Frobenius(m), 1e-6 * (1 + Norm(Dense(m)))));
                double all = Math.Sqrt(round.Modules.Sum(m => Math.Pow(Norm(Dense(m)), 2)));
                Assert.Equal(all, AdapterNorm.Frobenius(State(round.Modules)), 1e-6 * (1 + all));
            },
            iter: 100);

    [Fact]
    public void HeadsAreAveragedOverThoseThatSentThem()
    {
        AdapterUpdate Update(int device, double weight, params (string, float)[] head) =>
            new(device, weight, new AdapterState([], head.ToDictionary(h => h.Item1, h => new[] { h.Item2, 2 * h.Item2 })));

        GlobalAdapter previous = GlobalAdapter.Empty(new Dictionary<string, float[]> { ["a"] = [9, 9], ["b"] = [7, 7], ["c"] = [5, 5] });
        var head = AggregatorFactory.Create("svd").Aggregate(previous, [Update(0, 1, ("a", 1), ("b", 4)), Update(1, 3, ("a", 5))], out _).State.Head;
        Assert.Equal([4f, 8f], head["a"]);
        Assert.Equal([4f, 8f], head["b"]);
        Assert.Equal([5f, 5f], head["c"]);
    }

    [Theory]
    [InlineData("svd")]
    [InlineData("hetlora")]
    [InlineData("flora")]
    [InlineData("fedavg")]
    public void WithoutUpdatesNothingChanges(string rule)
    {
        IAggregator aggregator = AggregatorFactory.Create(rule);
        GlobalAdapter previous = new(State(Module(6, 5, 2, 1, null, null, new DeterministicRandom(3))));
        GlobalAdapter next = aggregator.Aggregate(previous, [], out double error);
        Assert.Equal(previous.State.Modules, next.State.Modules);
        Assert.Equal(0, error);
        Assert.Null(aggregator.Cut(Nothing, [new AdapterShape("x", 1, 4, 4, null, null)], 2));
        Assert.Equal(rule, aggregator.Name);
        Assert.Equal(rule == "flora", aggregator.FoldsIntoBase);
    }

    /// <summary>Modules are merged side by side; the devices of this round have the first two, the last is the previous adapter's alone.</summary>
    [Theory]
    [InlineData("svd")]
    [InlineData("hetlora")]
    [InlineData("flora")]
    [InlineData("fedavg")]
    public void ThreadsDoNotChangeTheResult(string rule)
    {
        var random = new DeterministicRandom(7);
        AdapterModule New(string name, int rank = 3) => Module(24, 16, rank, 1, null, null, random) with { Module = name };
        GlobalAdapter previous = new(State(New("first"), New("second"), New("last")));
        AdapterUpdate[] updates = [.. Enumerable.Range(0, 5).Select(k => new AdapterUpdate(k, k + 1, State(New("first"), New("second"))))];
        GlobalAdapter one = AggregatorFactory.Create(rule, threads: 1).Aggregate(previous, updates, out double error);
        GlobalAdapter many = AggregatorFactory.Create(rule, threads: 4).Aggregate(previous, updates, out double sameError);
        Assert.Equal(error, sameError);
        Assert.Equal(["first", "second", "last"], many.State.Modules.Select(m => m.Module));
        Assert.Same(previous.State.Modules[2], many.State.Modules[2]);
        foreach (var (expected, actual) in one.State.Modules.Zip(many.State.Modules))
        {
            Assert.Equal(expected.A, actual.A);
            Assert.Equal(expected.B, actual.B);
        }
    }

    /// <summary>(mean B)(mean A) over holders in dense base coordinates, ranks padded.</summary>
    private static double[,] ProductOfMeans(Round round, double[] weights)
    {
        int rank = round.Modules.Max(m => m.Rank);
        double[,] b = new double[round.Out, rank], a = new double[rank, round.In];
        for (int c = 0; c < rank; c++)
        {
            for (int i = 0; i < round.Out; i++)
                b[i, c] = Mean(m => m.Rows, i, (m, at) => c < m.Rank ? Math.Sqrt(m.Scale) * m.B[at * m.Rank + c] : 0);
            for (int j = 0; j < round.In; j++)
                a[c, j] = Mean(m => m.Columns, j, (m, at) => c < m.Rank ? Math.Sqrt(m.Scale) * m.A[c * m.ColumnCount + at] : 0);
        }
        return Build(round.Out, round.In, (i, j) => Enumerable.Range(0, rank).Sum(c => b[i, c] * a[c, j]));

        double Mean(Func<AdapterModule, int[]?> kept, int index, Func<AdapterModule, int, double> value)
        {
            double sum = 0, weight = 0;
            for (int k = 0; k < weights.Length; k++)
            {
                int at = kept(round.Modules[k]) is { } indices ? Array.IndexOf(indices, index) : index;
                if (at < 0)
                    continue;
                sum += weights[k] * value(round.Modules[k], at);
                weight += weights[k];
            }
            return weight > 0 ? sum / weight : 0;
        }
    }

    private static AdapterModule Merge(string rule, GlobalAdapter previous, Round round) => Aggregate(rule, previous, round).State.Modules[0];

    private static GlobalAdapter Aggregate(string rule, GlobalAdapter previous, Round round) => Aggregate(rule, previous, round, out _);

    private static GlobalAdapter Aggregate(string rule, GlobalAdapter previous, Round round, out double error) =>
        AggregatorFactory.Create(rule).Aggregate(previous, round.Updates, out error);
}
