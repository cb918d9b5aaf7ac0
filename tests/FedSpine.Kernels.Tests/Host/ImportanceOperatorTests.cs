using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class TaylorImportanceOperatorTests : HostOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from D in Lengths select new TaylorImportanceCase(3, 5, 3, D),
        .. from G in Lengths select new TaylorImportanceCase(3, 5, G, 1), // channels
        new TaylorImportanceCase(1, 1, 1, 1),
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new TaylorImportanceCase(4, 65, 7, 34), new TaylorImportanceCase(4, 65, 333, 1)];

    [Theory]
    [InlineData(4)]
    [InlineData(-1)]
    public void RejectsALengthBeyondT(int length)
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var score = sandbox.Input("score", new float[2]);
        var gates = sandbox.Input("gates", new float[4]);
        var x = sandbox.Input("x", new float[12]);
        Expect.Rejects(sandbox, () => backend.TaylorImportance(score, gates, x, x, sandbox.Integers([3, length]), 2, 3, 2, 1), $"lengths[1] is {length}", "[0, 3]");
        Expect.Rejects(sandbox, () => backend.TaylorImportance(score, gates, x, x, sandbox.Integers([3]), 2, 3, 2, 1), "lengths has 1", "2");
    }
}

public sealed class ColumnMomentsOperatorTests : HostOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from C in Lengths from before in new[] { 0, 7 } select new ColumnMomentsCase(3, 5, C, before),
        new ColumnMomentsCase(1, 1, 1, 0),
        new ColumnMomentsCase(1, 0, 3, 4), // nothing to add
    ];

    public override IEnumerable<OperatorCase> LargeCases => [new ColumnMomentsCase(4, 65, 333, 11)];

    [Fact]
    public void RejectsALengthBeyondT()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var count = sandbox.Input("count", new float[1]);
        var mean = sandbox.Input("mean", new float[2]);
        var x = sandbox.Input("x", new float[12]);
        Expect.Rejects(sandbox, () => backend.ColumnMoments(count, mean, mean, x, sandbox.Integers([1, 4]), 2, 3, 2), "lengths[1] is 4", "[0, 3]");
    }
}

public sealed class SquareSumsOperatorTests : HostOperatorTests
{
    public override IEnumerable<OperatorCase> Cases =>
        from n in Lengths from axis in Enum.GetValues<MatrixAxis>() select new SquareSumsCase(5, n, axis);

    public override IEnumerable<OperatorCase> LargeCases => from axis in Enum.GetValues<MatrixAxis>() select new SquareSumsCase(301, 233, axis);

    [Fact]
    public void RejectsAResultOfTheOtherAxis()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[6]);
        var y = sandbox.Input("y", new float[2]);
        Expect.Rejects(sandbox, () => backend.SquareSums(y, x, 2, 3, MatrixAxis.Columns), "y has 2", "3");
    }
}

public sealed class LoraImportanceOperatorTests : HostOperatorTests
{
    private static readonly MatrixAxis[] Axes = Enum.GetValues<MatrixAxis>();

    public override IEnumerable<OperatorCase> Cases =>
    [
        .. from n in Lengths from axis in Axes select new LoraImportanceCase(5, n, 3, axis),
        .. from n in Lengths from axis in Axes select new LoraImportanceCase(n, 19, 2, axis),
        .. from rank in new[] { 0, 1, 4, 8, 33 } from axis in Axes select new LoraImportanceCase(6, 70, rank, axis),
    ];

    public override IEnumerable<OperatorCase> LargeCases => from axis in Axes select new LoraImportanceCase(131, 333, 5, axis);

    [Fact]
    public void RejectsGradientsOfAnotherRank()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var w = new LinearOperands(sandbox.Input("w", new float[12]), default, sandbox.Input("A", new float[8]), sandbox.Input("B", new float[6]), 4, 3, 2, 1);
        var score = sandbox.Input("score", new float[3]);
        Expect.Rejects(sandbox, () => backend.LoraImportance(score, w, w.A.Slice(0, 4), w.B, MatrixAxis.Rows), "dA has 4", "8");
        Expect.Rejects(sandbox, () => backend.LoraImportance(score, w, w.A, w.B, MatrixAxis.Columns), "score has 3", "4");
    }
}
