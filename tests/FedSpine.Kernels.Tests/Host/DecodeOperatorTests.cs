using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class AttentionDecodeOperatorTests() : HostOperatorTests(new AttentionDecodeSuite())
{
    [Fact]
    public void A_sequence_is_computed_as_if_it_were_alone()
    {
        using var backend = HostBackend.Create(2);
        using var sandbox = new Sandbox(backend);
        var shape = new CacheShape(B: 3, Capacity: 50, QueryHeads: 4, KeyValueHeads: 2, HeadSize: 24);
        float[] q = TestData.Uniform(3 * 96, 1), k = TestData.Uniform((int)shape.Length, 2), v = TestData.Uniform((int)shape.Length, 3);
        int[] positions = [49, 0, 20];
        var together = sandbox.Scratch("together", q.Length);
        backend.AttentionDecode(together, sandbox.Input("q", q), sandbox.Input("k", k), sandbox.Input("v", v), sandbox.Integers(positions), shape);
        for (int b = 0; b < 3; b++)
        {
            var alone = sandbox.Scratch("alone", 96);
            float[] Row(float[] x) => x[(b * x.Length / 3)..((b + 1) * x.Length / 3)];
            backend.AttentionDecode(alone, sandbox.Input("q", Row(q)), sandbox.Input("k", Row(k)), sandbox.Input("v", Row(v)), sandbox.Integers([positions[b]]), shape with { B = 1 });
            Assert.Equal(sandbox.Download(alone), Row(sandbox.Download(together)));
        }
    }

    [Fact]
    public void RejectsWhatDoesNotFit()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var (o, q, k) = (sandbox.Input("o", new float[8]), sandbox.Input("q", new float[8]), sandbox.Input("k", new float[12]));
        var shape = new CacheShape(B: 1, Capacity: 3, QueryHeads: 2, KeyValueHeads: 1, HeadSize: 4);
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, q, k, k, sandbox.Integers([3]), shape), "positions[0] is 3", "cache of 3");
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, q, k, k, sandbox.Integers([-1]), shape), "positions[0] is -1");
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, q, k, k, sandbox.Integers([0, 0]), shape), "positions has 2", "1");
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, q, k, k, sandbox.Integers([0]), shape with { Capacity = 4 }), "cache has 12", "16");
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, q, k, q, sandbox.Integers([0]), shape), "vCache has 8", "12");
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, k, k, k, sandbox.Integers([0]), shape), "q has 12", "8");
        Expect.Rejects(sandbox, () => backend.AttentionDecode(o, q, k, k, sandbox.Integers([0]), shape with { QueryHeads = 3, KeyValueHeads = 2 }), "3 query heads on 2");
    }
}

public sealed class CacheAppendOperatorTests() : HostOperatorTests(new CacheAppendSuite())
{
    [Fact]
    public void RejectsTokensBeyondTheCapacity()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var (cache, x) = (sandbox.Input("cache", new float[12]), sandbox.Input("x", new float[8]));
        var shape = new CacheShape(B: 1, Capacity: 3, QueryHeads: 1, KeyValueHeads: 1, HeadSize: 4);
        Expect.Rejects(sandbox, () => backend.CacheAppend(cache, x, sandbox.Integers([2]), 2, shape), "positions[0] is 2", "2 tokens", "cache of 3");
        Expect.Rejects(sandbox, () => backend.CacheAppend(cache, x, sandbox.Integers([0]), 1, shape), "x has 8", "4");
    }
}
