using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

public sealed class AttentionOperatorTests() : HostOperatorTests(new AttentionSuite())
{
    [Theory, MemberData(nameof(Widths))]
    public void LeftoversInScratchDoNotLeak(HostIsa isa)
    {
        // NaN everywhere in the workers' scratch before each case: what the row loops read beyond the keys must be fresh.
        var shape = new AttentionShape(B: 8, T: 130, QueryHeads: 1, KeyValueHeads: 1, HeadSize: 65, Causal: false);
        var nan = new float[8 * 130 * 65];
        Array.Fill(nan, float.NaN);
        using var backend = HostBackend.Create(2, isa);
        using var sandbox = new Sandbox(backend);
        DeviceSpan<float> x = sandbox.Input("x", nan), y = sandbox.Scratch("y", nan.Length), lse = sandbox.Scratch("lse", 8 * 130);
        var lengths = sandbox.Integers([130, 130, 130, 130, 130, 130, 130, 130]);
        foreach (var operatorCase in Cases)
        {
            backend.AttentionForward(y, lse, x, x, x, lengths, shape);
            operatorCase.Check(backend);
        }
    }

    [Fact]
    public void FarApartScoresGiveOneHotProbabilities()
    {
        // Scores of +-1000: without the shift by the maximum they overflow; the smaller ones must vanish.
        var shape = new AttentionShape(B: 1, T: 3, QueryHeads: 1, KeyValueHeads: 1, HeadSize: 1, Causal: false);
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var o = sandbox.Output("o", [5, 7, 7]);
        var lse = sandbox.Output("lse", [1000, 2000, 1000], tolerance: 1e-6);
        backend.AttentionForward(o, lse, sandbox.Input("q", [-1, 2, 1]), sandbox.Input("k", [-1000, 0, 1000]), sandbox.Input("v", [5, 6, 7]), sandbox.Integers([3]), shape);
        sandbox.Verify("far apart");
    }

    [Fact]
    public void RejectsWhatDoesNotFit()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var (q, k, o, lse) = (sandbox.Input("q", new float[16]), sandbox.Input("k", new float[8]), sandbox.Input("o", new float[16]), sandbox.Input("lse", new float[8]));
        var shape = new AttentionShape(B: 1, T: 4, QueryHeads: 2, KeyValueHeads: 1, HeadSize: 2, Causal: false);
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, lse, q, k, k, sandbox.Integers([5]), shape), "lengths[0] is 5", "4");
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, lse, q, k, k, sandbox.Integers([-1]), shape), "lengths[0] is -1");
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, lse, q, k, k, sandbox.Integers([4, 4]), shape), "lengths has 2", "1");
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, lse, q, k, k, sandbox.Integers([4]), shape with { T = 3 }), "q has 16", "12");
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, lse, q, q, k, sandbox.Integers([4]), shape), "k has 16", "8");
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, o, q, k, k, sandbox.Integers([4]), shape), "lse has 16", "8");
        Expect.Rejects(sandbox, () => backend.AttentionForward(o, lse, q, k, k, sandbox.Integers([4]), shape with { QueryHeads = 3, KeyValueHeads = 2 }), "3 query heads on 2");
        Expect.Rejects(sandbox, () => backend.AttentionBackward(o, k, q, o, q, k, k, o, lse, sandbox.Integers([4]), shape), "dv has 16", "8");
    }
}
