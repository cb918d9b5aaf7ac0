using Spectre.Console;
using Spectre.Console.Rendering;

namespace FedSpine.Cli.Display;

/// <summary>A few lines at the bottom of a terminal that are drawn anew several times a second while work goes on.</summary>
internal static class LiveLines
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(150);

    /// <summary>Whether someone watches who would not mind moving text.</summary>
    public static bool Suits(IAnsiConsole console) =>
        console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi && console.Profile.Capabilities.Interactive;

    /// <param name="lines">Markup of the lines for a width; called from a timer's thread.</param>
    /// <param name="takeNotes">Lines to leave behind above the moving ones.</param>
    public static T Show<T>(IAnsiConsole console, Func<int, IReadOnlyList<string>> lines, Func<IReadOnlyList<string>> takeNotes, Func<T> work)
    {
        var block = new Block(lines);
        return console.Live(block).AutoClear(true).Start(context =>
        {
            void Draw()
            {
                foreach (string note in takeNotes())
                    console.MarkupLine(note);
                context.Refresh();
            }

            using var timer = new System.Timers.Timer(Period) { AutoReset = true };
            timer.Elapsed += (_, _) => Draw();
            timer.Start();
            try
            {
                return work();
            }
            finally
            {
                timer.Stop();
                Draw();
            }
        });
    }

    private sealed class Block(Func<int, IReadOnlyList<string>> lines) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => new(maxWidth, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            foreach (string line in lines(maxWidth))
            {
                foreach (var segment in ((IRenderable)new Markup(line) { Overflow = Overflow.Ellipsis }).Render(options, maxWidth).Where(s => !s.IsLineBreak))
                    yield return segment;
                yield return Segment.LineBreak;
            }
        }
    }
}
