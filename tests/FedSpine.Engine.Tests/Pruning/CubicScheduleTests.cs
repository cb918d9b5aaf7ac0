using CsCheck;
using FedSpine.Engine.Pruning;

namespace FedSpine.Engine.Tests.Pruning;

public class CubicScheduleTests
{
    [Fact]
    public void TheRampIsCubicAndEndsExactlyAtTheTarget()
    {
        var schedule = new CubicSchedule(0.1, 0.5, 4);
        Assert.Equal(20, schedule.Interval);
        Assert.Equal(0.1, schedule.Ratio(0), 15);
        Assert.Equal(0.5 - 0.4 * 0.421875, schedule.Ratio(1), 12);
        Assert.Equal(0.5 - 0.4 * 0.125, schedule.Ratio(2), 12);
        Assert.Equal(0.5, schedule.Ratio(4));
    }

    [Fact]
    public void EventsComeAfterEveryIntervalAndThenStop()
    {
        var schedule = new CubicSchedule(0, 0.3, 3, 5);
        int[] due = [.. Enumerable.Range(0, 40).Where(step => schedule.DueAfter(step) is not null)];
        Assert.Equal([5, 10, 15], due);
        Assert.Equal(0.3, schedule.DueAfter(15));
    }

    [Fact]
    public void RatiosRiseAndStepsShrink() => Gen.Select(Gen.Double[0, 0.4], Gen.Double[0.01, 0.5], Gen.Int[2, 30]).Sample((from, rise, events) =>
    {
        var schedule = new CubicSchedule(from, from + rise, events);
        for (int k = 1; k < events; k++)
        {
            double before = schedule.Ratio(k) - schedule.Ratio(k - 1), after = schedule.Ratio(k + 1) - schedule.Ratio(k);
            Assert.True(before > 0 && after > 0 && after < before);
        }
    });

    [Fact]
    public void NothingIsDueWhenTheTargetHasBeenReached()
    {
        var schedule = new CubicSchedule(0.5, 0.4, 3);
        Assert.Equal(0, schedule.Events);
        Assert.Equal(0.5, schedule.Ratio(0));
        Assert.DoesNotContain(Enumerable.Range(0, 100), step => schedule.DueAfter(step) is not null);
    }

    [Theory]
    [InlineData(100, 20, 4, 20)] // 80 steps of ramp, 20 of recovery
    [InlineData(50, 20, 1, 20)]
    [InlineData(30, 20, 1, 15)]
    [InlineData(1, 20, 1, 1)]
    public void EventsFitTheRoundAndLeaveRecovery(int steps, int interval, int events, int fitted)
    {
        var schedule = CubicSchedule.Within(steps, 0, 0.5, interval);
        Assert.Equal((events, fitted), (schedule.Events, schedule.Interval));
    }

    [Fact]
    public void EveryRoundReachesItsTarget() => Gen.Select(Gen.Int[1, 300], Gen.Int[1, 40]).Sample((steps, interval) =>
    {
        var schedule = CubicSchedule.Within(steps, 0.1, 0.5, interval);
        double?[] due = [.. Enumerable.Range(1, steps).Select(schedule.DueAfter)];
        Assert.Equal(schedule.Events, due.Count(d => d is not null));
        Assert.Equal(0.5, due.Last(d => d is not null));
        Assert.True(steps == 1 || due[^1] is null, "the last step recovers");
    });
}
