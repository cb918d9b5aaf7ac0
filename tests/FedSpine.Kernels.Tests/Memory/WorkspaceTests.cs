using CsCheck;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Kernels.Tests.Memory;

public sealed class WorkspaceTests
{
    /// <summary>A step as a list of moves: rent so many floats (positive) or release the so-many-th live buffer (negative, 0 included).</summary>
    private static readonly Gen<int[]> Steps = Gen.Int[-8, 200].Array[1, 60];

    private static List<DeviceSpan<float>> Run(Workspace workspace, int[] moves)
    {
        var all = new List<DeviceSpan<float>>();
        var live = new List<DeviceSpan<float>>();
        workspace.Begin();
        foreach (int move in moves)
        {
            if (move > 0)
            {
                all.Add(workspace.Rent<float>(move));
                live.Add(all[^1]);
            }
            else if (live.Count > 0)
            {
                workspace.Release(live[-move % live.Count]);
                live.RemoveAt(-move % live.Count);
            }
        }

        return all;
    }

    [Fact]
    public void BuffersThatOverlapInTimeNeverOverlapInMemory() => Steps.Sample(moves =>
    {
        var recording = Workspace.Record();
        Run(recording, moves);
        var plan = recording.Plan();
        for (int i = 0; i < plan.Buffers.Count; i++)
        {
            var x = plan.Buffers[i];
            Assert.Equal(0, plan.Offsets[i] % Arena.Alignment);
            Assert.InRange(plan.Offsets[i] + x.Bytes, 0, plan.Bytes);
            for (int j = 0; j < i; j++)
            {
                var y = plan.Buffers[j];
                bool sameTime = x.Start < y.End && y.Start < x.End;
                bool sameBytes = plan.Offsets[i] < plan.Offsets[j] + y.Bytes && plan.Offsets[j] < plan.Offsets[i] + x.Bytes;
                Assert.False(sameTime && sameBytes, $"buffers {j} and {i} of [{string.Join(", ", moves)}]");
            }
        }
    });

    [Fact]
    public void PlanIsNoSmallerThanWhatLivesAtOnceAndNoLargerThanEverything() => Steps.Sample(moves =>
    {
        var recording = Workspace.Record();
        Run(recording, moves);
        var plan = recording.Plan();
        long most = 0;
        foreach (var at in plan.Buffers)
            most = Math.Max(most, plan.Buffers.Where(b => b.Start <= at.Start && at.Start < b.End).Sum(b => b.Bytes));
        Assert.InRange(plan.Bytes, most, plan.Buffers.Sum(b => b.Bytes));
    });

    [Fact]
    public void ReplayHandsOutWhatWasPlannedEveryStep() => Steps.Sample(moves =>
    {
        var recording = Workspace.Record();
        int rents = Run(recording, moves).Count;
        var plan = recording.Plan();
        using var backend = HostBackend.Create(1, HostIsa.Scalar);
        using var arena = backend.Allocate(plan.Bytes);
        var workspace = Workspace.Replay(plan, arena);
        var first = Run(workspace, moves);
        Assert.Equal(rents, first.Count);
        Assert.Equal(plan.Offsets, first.Select(s => s.ByteOffset));
        Assert.Equal(first, Run(workspace, moves));
    }, iter: 20);

    [Fact]
    public void ReplayRefusesWhatWasNotPlanned()
    {
        var recording = Workspace.Record();
        recording.Rent<float>(16);
        var plan = recording.Plan();
        using var backend = HostBackend.Create(1, HostIsa.Scalar);
        using var arena = backend.Allocate(plan.Bytes);
        using var small = backend.Allocate(plan.Bytes - 1);
        Assert.Contains("63 bytes", Assert.Throws<ArgumentException>(() => Workspace.Replay(plan, small)).Message);

        var workspace = Workspace.Replay(plan, arena);
        Assert.Equal(3, workspace.Rent<float>(3).Length);
        Assert.Contains("rent 2", Assert.Throws<InvalidOperationException>(() => workspace.Rent<float>(1)).Message);
        workspace.Begin();
        Assert.Contains("128 bytes", Assert.Throws<InvalidOperationException>(() => workspace.Rent<float>(17)).Message);
        Assert.Throws<InvalidOperationException>(workspace.Plan);
    }
}
