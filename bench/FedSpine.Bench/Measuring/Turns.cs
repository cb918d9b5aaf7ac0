using System.Diagnostics;

namespace FedSpine.Bench.Measuring;

/// <summary>Seconds a call, per round, of two things measured in turns, and the managed bytes that ours allocated a call.</summary>
/// <param name="Other">Empty where there was nothing to compare with.</param>
internal sealed record Turns(double[] Ours, double[] Other, double AllocatedBytes)
{
    public double Seconds => Robust.Median(Ours);

    public double OtherSeconds => Robust.Median(Other);

    /// <summary>Our time over the other's, per round: what a busy machine disturbs least, as it hits both.</summary>
    public double[] Ratios => [.. Ours.Zip(Other, (ours, other) => ours / other)];

    /// <summary>
    /// Rounds of both in turn, who begins alternating, each repeated until a round is long enough for the clock. Both are warm when
    /// their clock starts: each runs untimed for <paramref name="warmUp"/>, in which the other's idle threads stop spinning and the
    /// system moves ours to the core that becomes free. The cores are kept busy meanwhile because a hypervisor puts two that have
    /// slept onto the two threads of one physical core, where both work at half their rate for tens of milliseconds.
    /// </summary>
    /// <param name="threadTime">Processor time of the calling thread in place of the wall's: where both work on no other.</param>
    public static Turns Measure(Action ours, Action? other, int rounds, double roundSeconds, TimeSpan warmUp = default, bool threadTime = false)
    {
        Func<double> clock = threadTime ? Clock.ThreadSeconds : Clock.WallSeconds;
        int repeats = Repeats(ours, roundSeconds), otherRepeats = other is null ? 0 : Repeats(other, roundSeconds);
        double[] oursSeconds = new double[rounds], otherSeconds = new double[other is null ? 0 : rounds], bytes = new double[rounds];
        for (int round = 0; round < rounds; round++)
        {
            if (other is not null && round % 2 == 1)
                otherSeconds[round] = Time(other, otherRepeats, warmUp, clock);
            (oursSeconds[round], bytes[round]) = TimeAndBytes(ours, repeats, warmUp, clock);
            if (other is not null && round % 2 == 0)
                otherSeconds[round] = Time(other, otherRepeats, warmUp, clock);
        }

        return new Turns(oursSeconds, otherSeconds, Robust.Median(bytes));
    }

    /// <summary>Managed bytes that the process allocates during a call, all threads together.</summary>
    public static (double Seconds, double Bytes) TimeAndBytes(Action call, int repeats, TimeSpan warmUp, Func<double>? clock = null)
    {
        long before = 0;
        double seconds = Time(call, repeats, warmUp, clock ?? Clock.WallSeconds, () => before = GC.GetTotalAllocatedBytes(precise: true));
        return (seconds, (double)(GC.GetTotalAllocatedBytes(precise: true) - before) / repeats);
    }

    private static double Time(Action call, int repeats, TimeSpan warmUp, Func<double> clock, Action? begin = null)
    {
        for (long first = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(first) < warmUp;)
            call();

        begin?.Invoke();
        double start = clock();
        for (int i = 0; i < repeats; i++)
            call();
        return (clock() - start) / repeats;
    }

    /// <summary>Calls that fill a round; the calls made to find out are also the warm-up: code, caches, scratch.</summary>
    private static int Repeats(Action call, double roundSeconds)
    {
        var warm = Stopwatch.StartNew();
        double least = double.PositiveInfinity;
        for (int calls = 0; calls < 2 || (warm.Elapsed.TotalSeconds < 0.05 && calls < 1000); calls++)
        {
            long start = Stopwatch.GetTimestamp();
            call();
            least = Math.Min(least, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return (int)Math.Clamp(roundSeconds / least, 1, 100_000);
    }
}
