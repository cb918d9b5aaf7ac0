using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Cases;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests.Host;

/// <summary>Frozen weights of 16 and 8 bits: operators against float64 over the values that are stored.</summary>
public abstract class WeightOperatorTests : HostOperatorTests
{
    protected static readonly WeightType[] Types = [WeightType.BF16, WeightType.Q8_0];
}

public sealed class WeightLinearTests : WeightOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. Forward([(0, 3, 2, 1), (1, 1, 1, 0), (1, 33, 65, 4), (2, 64, 9, 0), (3, 95, 6, 2), (4, 172, 37, 20), (7, 65, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16), (13, 17, 33, 13)]),
        .. from length in Lengths from type in Types select new LinearForwardCase(1, length, 5, 0, false, type),
        .. from length in Lengths from type in Types select new LinearBackwardCase(3, length, length, 0, LinearGradientSet.Input, false, type),
        .. Backward([(0, 3, 2, 1), (1, 33, 65, 4), (5, 172, 31, 0), (17, 64, 96, 2), (33, 100, 7, 16)]),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
    [
        .. Forward([(1, 512, 700, 0), (3, 500, 700, 8), (12, 300, 200, 0), (100, 340, 72, 8), (29, 40, 700, 3), (130, 128, 128, 16)]),
        .. Backward([(3, 512, 700, 8), (100, 340, 72, 8), (130, 128, 128, 16)]),
    ];

    private static IEnumerable<OperatorCase> Forward((int Rows, int In, int Out, int Rank)[] shapes) =>
        from s in shapes from bias in Both from type in Types select new LinearForwardCase(s.Rows, s.In, s.Out, s.Rank, bias, type);

    private static IEnumerable<OperatorCase> Backward((int Rows, int In, int Out, int Rank)[] shapes) =>
        from s in shapes
        from wanted in new[] { LinearGradientSet.Input, LinearGradientSet.Input | LinearGradientSet.Adapter | LinearGradientSet.Bias }
        from accumulate in Both
        from type in Types
        select new LinearBackwardCase(s.Rows, s.In, s.Out, s.Rank, wanted, accumulate, type);

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

public sealed class WeightTableTests : WeightOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths from accumulate in Both from type in Types select new EmbeddingForwardCase(4, D, 3, accumulate, type),
        .. from N in Lengths from axis in Axes from type in Types select new SquareSumsCase(3, N, axis, type),
        .. from In in Lengths from axis in Axes from type in Types select new LoraImportanceCase(3, In, 2, axis, type),
    ];

    public override IEnumerable<OperatorCase> LargeCases =>
    [
        .. from type in Types select new EmbeddingForwardCase(501, 131, 37, false, type),
        .. from axis in Axes from type in Types select new SquareSumsCase(101, 605, axis, type),
        .. from axis in Axes from type in Types select new LoraImportanceCase(101, 305, 5, axis, type),
    ];

    private static MatrixAxis[] Axes => [MatrixAxis.Rows, MatrixAxis.Columns];

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
