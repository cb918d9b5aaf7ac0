using System.Diagnostics;
using System.Runtime.InteropServices;

namespace FedSpine.Bench.Measuring;

/// <summary>
/// Seconds by the wall, or of this thread's processor time: work of one thread takes the same of it however many others want the core.
/// </summary>
internal static partial class Clock
{
    private const int ThreadProcessorTime = 3; // CLOCK_THREAD_CPUTIME_ID of Linux

    /// <summary>Whether the system tells a thread's processor time; <see cref="ThreadSeconds"/> is the wall's where it does not.</summary>
    public static bool HasThreadTime { get; } = OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    public static double WallSeconds() => (double)Stopwatch.GetTimestamp() / Stopwatch.Frequency;

    public static double ThreadSeconds()
    {
        if (!HasThreadTime)
            return WallSeconds();
        _ = GetTime(ThreadProcessorTime, out var time);
        return time.Seconds + time.Nanoseconds * 1e-9;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out TimeSpec time);
}
