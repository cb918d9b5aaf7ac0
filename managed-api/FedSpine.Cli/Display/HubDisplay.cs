using FedSpine.Engine.Hub;
using FedSpine.Federated.Reporting;
using Spectre.Console;

namespace FedSpine.Cli.Display;

/// <summary>Shows a download: a moving line on a terminal, a line a file elsewhere; nothing where all is there already.</summary>
internal static class HubDisplay
{
    public static HubFolder Run(IAnsiConsole console, HubReference reference, CancellationToken cancel, Func<Action<HubProgress>, HubFolder> work)
    {
        if (!LiveLines.Suits(console))
        {
            var plain = new Plain(console.Profile.Out.Writer, reference);
            return work(plain.Report);
        }

        var live = new Live(reference, cancel);
        return LiveLines.Show(console, live.Lines, live.TakeNotes, () => work(live.Report));
    }

    private sealed class Plain(TextWriter output, HubReference reference)
    {
        private string _file = "";

        public void Report(HubProgress progress)
        {
            if (progress.Note is { } note)
                output.WriteLine(note);
            else if (progress.File != _file)
                output.WriteLine($"{reference}: receiving {_file = progress.File}");
        }
    }

    private sealed class Live(HubReference reference, CancellationToken cancel)
    {
        private readonly Lock _lock = new();
        private readonly List<string> _notes = [];
        private readonly Eta _eta = new();
        private HubProgress _progress;

        public void Report(HubProgress progress)
        {
            lock (_lock)
            {
                if (progress.Note is { } note)
                    _notes.Add($"[grey]{Markup.Escape(note)}[/]");
                else
                    _progress = progress;
            }
        }

        public IReadOnlyList<string> TakeNotes()
        {
            lock (_lock)
            {
                string[] notes = [.. _notes];
                _notes.Clear();
                return notes;
            }
        }

        public IReadOnlyList<string> Lines(int width)
        {
            lock (_lock)
            {
                string head = $"{Bar.Turn(_eta.Elapsed)} {Markup.Escape(cancel.IsCancellationRequested ? "stopping" : $"{reference}")}  ";
                string received = $"{Units.Bytes(_progress.Received)}";
                if (_progress.Size is not { } size || size == 0)
                    return [$"{head}{Markup.Escape(_progress.File ?? "")}  {received}"];
                double done = (double)_progress.Received / size;
                return [$"{head}{Bar.Draw(done, Math.Clamp(width - head.Length - 44, 8, 40))}  {received} of {Units.Bytes(size)}  {_eta.Left(done)}"];
            }
        }
    }
}
