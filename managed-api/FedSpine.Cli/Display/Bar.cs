using Spectre.Console;

namespace FedSpine.Cli.Display;

internal static class Bar
{
    /// <summary>A bar of <paramref name="width"/> characters that reads without colour too.</summary>
    public static string Draw(double done, int width)
    {
        int full = (int)Math.Round(Math.Clamp(done, 0, 1) * width);
        return $"[blue]{new string('━', full)}[/][grey]{new string('·', width - full)}[/]";
    }

    /// <summary>One frame of a turning mark.</summary>
    public static string Turn(TimeSpan elapsed)
    {
        var frames = Spinner.Known.Dots.Frames;
        return frames[(int)(elapsed.TotalMilliseconds / 100) % frames.Count];
    }
}
