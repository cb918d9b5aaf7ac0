using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class TaylorImportanceOperatorTests() : HostOperatorTests(new TaylorImportanceSuite())
{
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

public sealed class ColumnMomentsOperatorTests() : HostOperatorTests(new ColumnMomentsSuite())
{
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

public sealed class SquareSumsOperatorTests() : HostOperatorTests(new SquareSumsSuite())
{
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

public sealed class LoraImportanceOperatorTests() : HostOperatorTests(new LoraImportanceSuite())
{
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
