using System.Diagnostics;

namespace FedSpine.Cli.Display;

/// <summary>Time left, from how long the part so far took.</summary>
internal sealed class Eta
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private double? _first;

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    /// <param name="done">Share done, in [0, 1]; where a resumed run starts does not count as fast.</param>
    public string Left(double done)
    {
        double first = _first ??= done;
        return done - first < 0.01 ? "" : $"{Text(Elapsed * ((1 - done) / (done - first)))} left";
    }

    /// <summary>0:07, 12:34 or 1:02:03.</summary>
    public static string Text(TimeSpan time) => time.TotalHours >= 1
        ? $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}"
        : $"{time.Minutes}:{time.Seconds:00}";
}
