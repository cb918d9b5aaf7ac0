using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

public sealed class SoftmaxOperatorTests() : HostOperatorTests(new SoftmaxSuite())
{
    [Theory, MemberData(nameof(Widths))]
    public void MaskedLogitsHaveNoWeight(HostIsa isa)
    {
        using var backend = HostBackend.Create(1, isa);
        using var sandbox = new Sandbox(backend);
        float[] logits = [.. Enumerable.Range(0, 37).Select(i => i % 2 == 0 ? 1 : float.NegativeInfinity)];
        var y = sandbox.Output("y", [.. logits.Select(v => v == 1 ? 1 / 19.0 : 0)], tolerance: 1e-6);
        backend.Softmax(y, sandbox.Input("x", logits), 1, 37);
        sandbox.Verify("masked");
    }

    [Fact]
    public void RejectsLengthsThatContradictTheShape()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[12]);
        var y = sandbox.Input("y", new float[11]);
        Expect.Rejects(sandbox, () => backend.Softmax(y, x, 3, 4), "y has 11", "12");
    }
}

public sealed class CrossEntropyOperatorTests() : HostOperatorTests(new CrossEntropySuite())
{
    [Theory, MemberData(nameof(Widths))]
    public void ALogitThatIsNaNMakesTheLossNaN(HostIsa isa)
    {
        using var backend = HostBackend.Create(1, isa);
        for (int at = 0; at < 37; at++)
        {
            using var sandbox = new Sandbox(backend);
            var logits = TestData.Uniform(37, 1);
            logits[at] = float.NaN;
            var losses = sandbox.Scratch("losses", 1);
            backend.CrossEntropy(losses, default, sandbox.Input("logits", logits), sandbox.Integers([5]), 1, 37, 1);
            Assert.Equal(float.NaN, sandbox.Download(losses)[0]);
        }
    }

    [Fact]
    public void RejectsATargetBeyondTheClasses()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var losses = sandbox.Input("losses", new float[3]);
        var dlogits = sandbox.Input("dlogits", new float[12]);
        var logits = sandbox.Input("logits", new float[12]);
        Expect.Rejects(sandbox, () => backend.CrossEntropy(losses, dlogits, logits, sandbox.Integers([0, -1, 4]), 3, 4, 1), "targets[2] is 4", "4 classes");
        Expect.Rejects(sandbox, () => backend.CrossEntropy(losses, dlogits.Slice(0, 11), logits, sandbox.Integers([0, -1, 3]), 3, 4, 1), "dlogits has 11", "12");
    }
}
