using FedSpine.Kernels.Host;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Kernels.Tests.Host;

public sealed class RopeOperatorTests() : HostOperatorTests(new RopeSuite())
{
    [Fact]
    public void RejectsAnOddHeadSizeAndAShortTable()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[12]);
        var table = sandbox.Input("table", new float[9]);
        Expect.Rejects(sandbox, () => backend.Rope(x, table, 1, 2, 2, 3), "D is 3", "even");
        Expect.Rejects(sandbox, () => backend.Rope(x, table, 1, 3, 1, 4), "table has 9", "12");
        Expect.Rejects(sandbox, () => backend.Rope(x, table, 2, 2, 2, 2), "x has 12", "16");
    }
}

public sealed class EmbeddingOperatorTests() : HostOperatorTests(new EmbeddingSuite())
{
    [Theory]
    [InlineData(3)]
    [InlineData(-1)]
    public void RejectsAnIdOutsideTheTable(int id)
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var table = sandbox.Input("table", new float[12]);
        var y = sandbox.Input("y", new float[8]);
        var ids = sandbox.Integers([0, id]);
        Expect.Rejects(sandbox, () => backend.EmbeddingForward(y, ids, table, 2, 4), $"ids[1] is {id}", "[0, 3)");
        Expect.Rejects(sandbox, () => backend.EmbeddingBackward(table, ids, y, 2, 4), $"ids[1] is {id}", "[0, 3)");
    }

    [Fact]
    public void RejectsATableThatIsNoWholeNumberOfRows()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var table = sandbox.Input("table", new float[13]);
        var y = sandbox.Input("y", new float[8]);
        Expect.Rejects(sandbox, () => backend.EmbeddingForward(y, sandbox.Integers([0, 1]), table, 2, 4), "table has 13", "rows of 4");
    }
}

public sealed class GatherRowsOperatorTests() : HostOperatorTests(new GatherRowsSuite())
{
    [Fact]
    public void RejectsARowThatIsNotThere()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[12]);
        var y = sandbox.Input("y", new float[8]);
        Expect.Rejects(sandbox, () => backend.GatherRows(y, x, sandbox.Integers([2, 3]), 4), "rows[1] is 3", "[0, 3)");
        Expect.Rejects(sandbox, () => backend.GatherRows(y, x, sandbox.Integers([2]), 4), "y has 8", "4");
    }
}

public sealed class GatherColumnsOperatorTests() : HostOperatorTests(new GatherColumnsSuite())
{
    [Fact]
    public void RejectsAColumnThatIsNotThere()
    {
        using var backend = HostBackend.Create(1);
        using var sandbox = new Sandbox(backend);
        var x = sandbox.Input("x", new float[12]);
        var y = sandbox.Input("y", new float[6]);
        Expect.Rejects(sandbox, () => backend.GatherColumns(y, x, sandbox.Integers([0, 4]), 3, 4), "columns[1] is 4", "[0, 4)");
        Expect.Rejects(sandbox, () => backend.GatherColumns(y, x, sandbox.Integers([0]), 3, 4), "y has 6", "3");
    }
}
