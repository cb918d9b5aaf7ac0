using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;
using static FedSpine.Federated.Tests.Aggregation.AdapterCases;

namespace FedSpine.Federated.Tests.Aggregation;

public class AggregationInputTests
{
    private static readonly AdapterModule Good = Module(6, 5, 2, 1, null, null, new DeterministicRandom(3));

    private static readonly GlobalAdapter Empty = GlobalAdapter.Empty(new Dictionary<string, float[]>());

    public static TheoryData<string, AdapterModule> Faults => new()
    {
        { "device 7, layer.0.query: rank is 0", Good with { Rank = 0 } },
        { "device 7, layer.0.query: scale is 0, expected a positive number", Good with { Scale = 0 } },
        { "device 7, layer.0.query: scale is NaN, expected a positive number", Good with { Scale = float.NaN } },
        { "device 7, layer.0.query: kept rows are not ascending indices below 6", Good with { Rows = [0, 0] } },
        { "device 7, layer.0.query: kept columns are not ascending indices below 5", Good with { Columns = [5] } },
        { "device 7, layer.0.query: B has 12 values, expected 3x2", Good with { Rows = [0, 1, 2] } },
        { "device 7, layer.0.query: A has 10 values, expected 2x1", Good with { Columns = [3] } },
        { "device 7, layer.0.query: has values that are not finite", Good with { A = [.. Good.A[..9], float.NaN] } },
        { "device 7, layer.0.query: 5x6, other devices have 6x5", Module(5, 6, 2, 1, null, null, new DeterministicRandom(3)) },
        { "device 7, layer.0.query: pruned on rows and on columns; one axis only can be merged", Module(6, 5, 2, 1, [0], [0], new DeterministicRandom(3)) },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void ABadUpdateIsOneClearLine(string message, AdapterModule bad) =>
        Assert.Equal(message, Fault("svd", Empty, new AdapterUpdate(0, 1, State(Good)), new AdapterUpdate(7, 1, State(bad))));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void AWeightMustBePositive(double weight) =>
        Assert.Equal($"device 7: weight is {weight}, expected a positive number", Fault("svd", Empty, new AdapterUpdate(7, weight, State(Good))));

    [Fact]
    public void HeadsMustAgreeAndBeFinite()
    {
        AdapterUpdate Update(params float[] head) => new(7, 1, new AdapterState([], new Dictionary<string, float[]> { ["classifier"] = head }));
        Assert.Equal("device 7, classifier: 1 values, other devices have 2", Fault("svd", Empty, Update(1, 2), Update(1)));
        Assert.Equal("device 7, classifier: has values that are not finite", Fault("svd", Empty, Update(float.PositiveInfinity)));
        Assert.False(Update(float.NaN).IsFinite);
        Assert.True(Update(1).IsFinite);
        Assert.False(new AdapterUpdate(0, 1, State(Good with { B = [.. Good.B[1..], float.NaN] })).IsFinite);
    }

    [Fact]
    public void TheGlobalAdapterMustFit()
    {
        GlobalAdapter other = new(State(Module(5, 6, 2, 1, null, null, new DeterministicRandom(3))));
        Assert.Equal("layer.0.query: devices sent 6x5, the global adapter has 5x6", Fault("svd", other, new AdapterUpdate(0, 1, State(Good))));
        Assert.Equal(
            "layer.0.query: the device's base is 6x5, the global adapter's 5x6",
            Assert.Throws<InputException>(() => AggregatorFactory.Create("svd").Cut(other, [Shape(Good)], 2)).Message);
    }

    [Fact]
    public void FedAvgNeedsOneRank()
    {
        AdapterModule wider = Module(6, 5, 3, 1, null, null, new DeterministicRandom(4));
        Assert.StartsWith(
            "layer.0.query: aggregation 'fedavg' needs equal ranks, devices sent 2 and 3",
            Fault("fedavg", Empty, new AdapterUpdate(0, 1, State(Good)), new AdapterUpdate(1, 1, State(wider))));
        Assert.StartsWith(
            "layer.0.query: aggregation 'fedavg' needs equal ranks, the global adapter has 2, a device 3",
            Assert.Throws<InputException>(() => AggregatorFactory.Create("fedavg").Cut(new GlobalAdapter(State(Good)), [Shape(Good)], 3)).Message);
    }

    [Fact]
    public void AnUnknownRuleListsTheValidOnes() =>
        Assert.Equal(
            "unknown aggregation 'mean': expected svd, hetlora, flora, fedavg",
            Assert.Throws<InputException>(() => AggregatorFactory.Create("mean")).Message);

    private static string Fault(string rule, GlobalAdapter previous, params AdapterUpdate[] updates) =>
        Assert.Throws<InputException>(() => AggregatorFactory.Create(rule).Aggregate(previous, updates, out _)).Message;
}
