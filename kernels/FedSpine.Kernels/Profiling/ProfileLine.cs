using System.Diagnostics;

namespace FedSpine.Kernels.Profiling;

/// <summary>Calls that have something in common, added up.</summary>
/// <param name="Name">What they have in common: an operator, a place in the model.</param>
/// <param name="Bytes">See <see cref="ProfiledCall"/>.</param>
public readonly record struct ProfileLine(string Name, int Calls, double Seconds, long Flops, long Bytes)
{
    /// <summary>Floating-point operations a second.</summary>
    public double FlopsPerSecond => Flops / Seconds;

    public double BytesPerSecond => Bytes / Seconds;

    /// <summary>Operations a byte: left of the roofline's ridge memory bounds a call, right of it arithmetic does.</summary>
    public double Intensity => (double)Flops / Bytes;

    /// <summary>
    /// Share of what the roofline allows at this intensity (Williams et al., CACM 52, 2009): the time that the arithmetic or the
    /// bytes need at the peak, whichever is longer, over the time taken. Above 1 where operands came out of caches.
    /// </summary>
    public double ShareOf(in MachinePeak peak) => Math.Max(Flops / peak.FlopsPerSecond, Bytes / peak.BytesPerSecond) / Seconds;

    /// <summary>The calls grouped by <paramref name="key"/>, most time first.</summary>
    public static IReadOnlyList<ProfileLine> By(IEnumerable<ProfiledCall> calls, Func<ProfiledCall, string> key) =>
    [
        .. calls.GroupBy(key).Select(group => new ProfileLine(group.Key, group.Count(), (double)group.Sum(c => c.Ticks) / Stopwatch.Frequency,
            group.Sum(c => c.Flops), group.Sum(c => c.Bytes))).OrderByDescending(line => line.Seconds),
    ];
}
