using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class AdamWOperatorTests() : HostOperatorTests(new AdamWSuite())
{
    /// <summary>A clip factor of 0 marks a gradient that is not finite: 0 times it would be NaN.</summary>
    [Fact]
    public void AVoidStepIgnoresInfinities()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var state = sandbox.Input("state", [1, 2, 3]);
        var g = sandbox.Input("g", [float.NaN, float.PositiveInfinity, 1]);
        var norm = sandbox.Scratch("norm", 2);
        backend.GradientNorm(norm, g, 1);
        backend.AdamW(state, state, state, g, norm.Slice(1, 1), new AdamWStep(0.1f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.1f, 0.001f));
        sandbox.Verify("void step");
    }

    [Fact]
    public void RejectsStatesOfAnotherLength()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var five = sandbox.Input("five", new float[5]);
        var four = sandbox.Input("four", new float[4]);
        var step = new AdamWStep(0.1f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.1f, 0.001f);
        Expect.Rejects(sandbox, () => backend.AdamW(five, four, five, five, default, step), "m has 4", "5");
        Expect.Rejects(sandbox, () => backend.AdamW(five, five, four, five, default, step), "v has 4", "5");
        Expect.Rejects(sandbox, () => backend.AdamW(five, five, five, four, default, step), "g has 4", "5");
        Expect.Rejects(sandbox, () => backend.AdamW(five, five, five, five, four, step), "gradScale has 4", "1");
    }
}

public sealed class GradientNormOperatorTests() : HostOperatorTests(new GradientNormSuite())
{
    [Fact]
    public void SquaresNeitherOverflowNorVanish()
    {
        Assert.Equal([5e30f, 1e-30f], Norm([3e30f, -4e30f], 5), (a, b) => Math.Abs(a - b) <= 1e-6f * Math.Abs(a));
        Assert.Equal([5e-30f, 1], Norm([3e-30f, 4e-30f], 5), (a, b) => Math.Abs(a - b) <= 1e-6f * Math.Abs(a));
        Assert.Equal([0, 1], Norm([], 5));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void AGradientThatIsNotFiniteHasFactorZero(float bad)
    {
        foreach (float maxNorm in new[] { 0f, 1f })
        {
            var result = Norm([1, 2, 3, bad, 5], maxNorm);
            Assert.False(float.IsFinite(result[0]));
            Assert.Equal(0, result[1]);
        }
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    public void RejectsABoundThatIsNone(float maxNorm)
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var g = sandbox.Input("g", new float[2]);
        Expect.Rejects(sandbox, () => backend.GradientNorm(g, g, maxNorm), $"maxNorm is {maxNorm}");
        Expect.Rejects(sandbox, () => backend.GradientNorm(g.Slice(0, 1), g, 1), "norm has 1", "2");
    }

    private static float[] Norm(float[] g, float maxNorm)
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var norm = sandbox.Scratch("norm", 2);
        backend.GradientNorm(norm, sandbox.Input("g", g), maxNorm);
        return sandbox.Download(norm);
    }
}
