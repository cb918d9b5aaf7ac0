using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

public sealed class WeightLinearTests() : HostOperatorTests(new WeightLinearSuite())
{
    [Fact]
    public void ItsGradientIsRefused()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var w = new LinearOperands(sandbox.Weight("w", new float[6], WeightType.Q8_0, 3), default, default, default, In: 3, Out: 2, Rank: 0, Scale: 1);
        var (x, dy, dw) = (sandbox.Input("x", new float[12]), sandbox.Input("dy", new float[8]), sandbox.Input("dw", new float[6]));
        Expect.Rejects(sandbox, () => backend.LinearBackward(default, new(dw, default, default, default), default, dy, x, default, w, rows: 4), "Q8_0", "frozen");
    }

    public static TheoryData<WeightType, int> RowsByType => new(
        from type in new[] { WeightType.F32, WeightType.BF16, WeightType.Q8_0 } from rows in new[] { 2, 3, 4, 7, 16 } select (type, rows));

    /// <summary>Sequences decoded together have the bits of one alone: none depends on its neighbours. 300 ends within a block, 33 within a tile.</summary>
    [Theory, MemberData(nameof(RowsByType))]
    public void RowsTogetherHaveTheBitsOfOne(WeightType type, int rows)
    {
        const int In = 300, Out = 33;
        using var backend = HostBackend.Create(2);
        using var sandbox = new Sandbox(backend);
        var w = new LinearOperands(sandbox.Weight("w", TestData.Uniform(In * Out, 1), type, In), default, default, default, In, Out, 0, 1);
        var x = TestData.Uniform(rows * In, 2);
        var y = sandbox.Scratch("y", rows * Out);
        backend.LinearForward(y, default, sandbox.Input("x", x), w, rows);
        var together = sandbox.Download(y);
        for (int row = 0; row < rows; row++)
        {
            var one = sandbox.Scratch("one", Out);
            backend.LinearForward(one, default, sandbox.Input("x", x[(row * In)..((row + 1) * In)]), w, 1);
            Assert.Equal(together[(row * Out)..((row + 1) * Out)], sandbox.Download(one));
        }
    }
}

public sealed class WeightTableTests() : HostOperatorTests(new WeightTableSuite())
{
    [Theory]
    [InlineData(WeightType.F32)]
    [InlineData(WeightType.BF16)]
    [InlineData(WeightType.Q8_0)]
    public void RowsAreGatheredAsTheyAreStored(WeightType type)
    {
        const int rows = 5, D = 45;
        using var backend = HostBackend.Create(2);
        using var sandbox = new Sandbox(backend);
        var values = TestData.Uniform(rows * D, 1);
        int[] kept = [4, 0, 3];
        int rowBytes = (int)type.RowBytes(D);
        using var arena = backend.Allocate(kept.Length * rowBytes);
        var y = new WeightSpan(type, arena, 0, kept.Length * D);
        backend.GatherRows(y, sandbox.Weight("x", values, type, D), sandbox.Integers(kept), D);
        var actual = new byte[kept.Length * rowBytes];
        backend.Download<byte>(actual, y.Rows(0, kept.Length, D));
        var all = WeightReference.Encode(values, type, D);
        Assert.Equal([.. kept.SelectMany(row => all.AsSpan(row * rowBytes, rowBytes).ToArray())], actual);
    }

    [Fact]
    public void ATypeThatDiffersIsRefused()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Weight("x", new float[8], WeightType.BF16, 4);
        Expect.Rejects(sandbox, () => backend.GatherRows(sandbox.Input("y", new float[4]), x, sandbox.Integers([1]), 4), "F32", "BF16");
        Assert.Throws<InvalidOperationException>(() => x.Floats);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Rows(1, 2, 4));
        Assert.True(backend.Supports(Operator.Linear, WeightType.Q8_0));
        Assert.False(backend.Supports(Operator.MatMul, WeightType.Q8_0));
    }
}
