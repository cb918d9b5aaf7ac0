namespace FedSpine.Engine.Pruning;

/// <summary>
/// When a device prunes within a round, and how far: K events, <see cref="Interval"/> local steps before each, on the cubic ramp
/// p_k = to + (from - to) (1 - k/K)^3, then steps without pruning to recover (Zhu and Gupta, arXiv 1710.01878).
/// </summary>
public sealed class CubicSchedule
{
    /// <param name="from">The present ratio.</param>
    /// <param name="to">The ratio after the last event. At or below <paramref name="from"/> there are no events: pruning is monotone.</param>
    /// <param name="events">K, at least 1.</param>
    /// <param name="interval">Local steps before each event.</param>
    public CubicSchedule(double from, double to, int events, int interval = 20)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(events, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(interval, 1);
        (From, To, Interval, Events) = (from, to, interval, to > from ? events : 0);
    }

    public double From { get; }

    public double To { get; }

    /// <summary>K; 0 when there is nothing to prune.</summary>
    public int Events { get; }

    public int Interval { get; }

    /// <summary>
    /// As many events as <paramref name="steps"/> local steps hold, leaving one interval (but at most half of the steps) for
    /// recovery; a round shorter than two intervals has one event, half-way.
    /// </summary>
    public static CubicSchedule Within(int steps, double from, double to, int interval = 20)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(interval, 1);
        int ramp = Math.Max(1, steps - Math.Min(interval, steps / 2));
        return new CubicSchedule(from, to, Math.Max(1, ramp / interval), Math.Min(interval, ramp));
    }

    /// <summary>p_k after event <paramref name="k"/> (1 to K); k = 0: the present ratio.</summary>
    public double Ratio(int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, Events);
        if (k == Events)
            return Events == 0 ? From : To;
        double left = 1 - (double)k / Events;
        return To + (From - To) * left * left * left;
    }

    /// <summary>The ratio to prune to once <paramref name="step"/> local steps (from 1) are done; null when no event is due.</summary>
    public double? DueAfter(int step) =>
        step > 0 && step % Interval == 0 && step / Interval <= Events ? Ratio(step / Interval) : null;
}
