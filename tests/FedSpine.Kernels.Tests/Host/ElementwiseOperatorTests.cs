using FedSpine.Kernels.Formulas;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class FillOperatorTests() : HostOperatorTests(new FillSuite());

public sealed class CopyOperatorTests() : HostOperatorTests(new CopySuite())
{
    [Fact]
    public void RejectsUnequalLengths()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[5]);
        var y = sandbox.Input("y", new float[4]);
        Expect.Rejects(sandbox, () => backend.Copy(y, x), "y has 4", "5");
    }
}

public sealed class MapOperatorTests() : HostOperatorTests(new MapSuite())
{
    [Fact]
    public void RejectsUnequalLengths()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var four = sandbox.Input("four", new float[4]);
        var five = sandbox.Input("five", new float[5]);
        Expect.Rejects(sandbox, () => backend.Map<Gelu>(five, four), "x has 4", "5");
        Expect.Rejects(sandbox, () => backend.Map<Add>(five, five, four), "y has 4", "5");
        Expect.Rejects(sandbox, () => backend.Map<SwiGluBackwardGate>(five, five, five, four), "z has 4", "5");
    }
}

public sealed class DropoutOperatorTests() : HostOperatorTests(new DropoutSuite())
{
    [Theory]
    [InlineData(0.1f, 1)]
    [InlineData(0.5f, 2)]
    [InlineData(0.9f, 3)]
    public void DropsTheRateWithoutPattern(float rate, ulong seed)
    {
        const int n = 200_000;
        var kept = Mask(n, rate, seed);
        double deviation = Math.Sqrt(n * rate * (1 - rate));
        Assert.InRange(kept.Count(k => !k), n * rate - 5 * deviation, n * rate + 5 * deviation);
        // Neighbours, and the same element under the next seed, agree as often as independent draws would.
        double agree = rate * rate + (1 - rate) * (1 - rate);
        double spread = 5 * Math.Sqrt(n * agree * (1 - agree));
        Assert.InRange(Enumerable.Range(0, n - 1).Count(i => kept[i] == kept[i + 1]), n * agree - spread - 1, n * agree + spread);
        var next = Mask(n, rate, seed + 1);
        Assert.InRange(Enumerable.Range(0, n).Count(i => kept[i] == next[i]), n * agree - spread, n * agree + spread);
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(-0.1f)]
    [InlineData(float.NaN)]
    public void RejectsARateOutsideItsRange(float rate)
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[5]);
        Expect.Rejects(sandbox, () => backend.Dropout(x, x, rate, 1), $"rate is {rate}", "[0, 1)");
    }

    private static bool[] Mask(int n, float rate, ulong seed)
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        float[] ones = [.. Enumerable.Repeat(1f, n)];
        var y = sandbox.Scratch("y", n);
        backend.Dropout(y, sandbox.Input("x", ones), rate, seed);
        return [.. sandbox.Download(y).Select(v => v != 0)];
    }
}
