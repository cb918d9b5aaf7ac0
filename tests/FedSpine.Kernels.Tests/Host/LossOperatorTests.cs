using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

public sealed class SoftmaxOperatorTests : HostOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from C in Lengths from inPlace in Both select new SoftmaxCase(3, C, InPlace: inPlace),
        .. from shift in new[] { -1e6f, 1e4f } select new SoftmaxCase(2, 33, Shift: shift),
        new SoftmaxCase(2, 70, Spread: 200),
        new SoftmaxCase(0, 5),
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new SoftmaxCase(301, 199), new SoftmaxCase(3, 50_001, InPlace: true)];

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

public sealed class CrossEntropyOperatorTests : HostOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from C in Lengths from gradient in Enum.GetValues<LossGradient>() select new CrossEntropyCase(4, C, gradient),
        .. from shift in new[] { -1e5f, 1e4f } select new CrossEntropyCase(2, 33, LossGradient.Separate, Shift: shift),
        new CrossEntropyCase(3, 70, LossGradient.OnLogits, Spread: 300),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
        [new CrossEntropyCase(301, 199, LossGradient.OnLogits), new CrossEntropyCase(3, 50_001, LossGradient.Separate)];

    [Fact]
    public void ReferenceGradientIsThatOfFiniteDifferences()
    {
        var x = TestData.Uniform(9, 1).ToDouble();
        var numerical = FiniteDifferences.Gradient(v => [LossReference.CrossEntropy(v, 4)], x, [0.5]);
        Assert.Equal(numerical, LossReference.CrossEntropyBackward(x, 4, 0.5), (a, b) => Math.Abs(a - b) < 1e-8);
    }

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
