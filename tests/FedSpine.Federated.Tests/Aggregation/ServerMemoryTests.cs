using FedSpine.Engine;
using FedSpine.Federated.Aggregation;
using static FedSpine.Federated.Tests.Aggregation.AdapterCases;

namespace FedSpine.Federated.Tests.Aggregation;

/// <summary>The server's memory is linear in out + in: the out x in product is never formed.</summary>
public class ServerMemoryTests
{
    private const int Small = 2048;

    [Theory]
    [InlineData("svd")]
    [InlineData("flora")]
    [InlineData("hetlora")]
    [InlineData("fedavg")]
    public void BytesGrowWithTheSidesNotTheirProduct(string rule)
    {
        Allocated(rule, 64);    // static state and compiled code first
        long small = Allocated(rule, Small), large = Allocated(rule, 4 * Small);
        Assert.InRange(large, small, 4.5 * small);
        Assert.InRange(large, 0, 8L * 4 * Small * 4 * Small / 10);  // a tenth of one dense matrix
    }

    private static long Allocated(string rule, int side)
    {
        var random = new DeterministicRandom(1);
        AdapterUpdate[] updates =
        [
            .. Enumerable.Range(0, 4).Select(k => new AdapterUpdate(
                k, 1 + k, State(Module(side, side, 4, 2, k == 0 ? null : [.. Enumerable.Range(0, side / 2 + k)], null, random)))),
        ];
        IAggregator aggregator = AggregatorFactory.Create(rule);
        GlobalAdapter empty = GlobalAdapter.Empty(new Dictionary<string, float[]>());
        AdapterShape shape = Shape(updates[1].State.Modules[0]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        GlobalAdapter global = aggregator.Aggregate(empty, updates, out _);
        aggregator.Cut(global, [shape], 4);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
