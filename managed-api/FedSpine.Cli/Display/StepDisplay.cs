using FedSpine.Federated.Reporting;
using Spectre.Console;

namespace FedSpine.Cli.Display;

/// <summary>What long work by steps tells whoever watches it.</summary>
internal interface IStepDisplay
{
    /// <summary>A line to leave behind.</summary>
    void Note(string message);

    /// <param name="status">Figures of the moment: "loss 2.31  1,204 tokens/s".</param>
    void Step(int step, int steps, string status);

    /// <summary>A measurement between steps: a line of its own where lines stay, part of the status elsewhere.</summary>
    void Measured(string figures);
}

/// <summary>Shows work by steps while it goes on: two moving lines on a terminal, a line for every measurement elsewhere.</summary>
internal static class StepDisplay
{
    /// <param name="stopping">What is said after Ctrl-C.</param>
    public static T Run<T>(IAnsiConsole console, string stopping, CancellationToken cancel, Func<IStepDisplay, T> work)
    {
        if (!LiveLines.Suits(console))
            return work(new Plain(console.Profile.Out.Writer));
        var state = new Live(stopping, cancel);
        return LiveLines.Show(console, state.Lines, state.TakeNotes, () => work(state));
    }

    private sealed class Plain(TextWriter output) : IStepDisplay
    {
        private int _step, _steps;
        private string _status = "";

        public void Note(string message) => output.WriteLine(message);

        public void Step(int step, int steps, string status) => (_step, _steps, _status) = (step, steps, status);

        public void Measured(string figures) =>
            output.WriteLine($"step {_step.ToString().PadLeft(_steps.ToString().Length)}/{_steps}  {(_status.Length > 0 ? $"{_status}  " : "")}{figures}");
    }

    private sealed class Live(string stopping, CancellationToken cancel) : IStepDisplay
    {
        private readonly Lock _lock = new();
        private readonly List<string> _notes = [];
        private Eta _eta = new();
        private int _step, _steps;
        private string _status = "", _measured = "";

        public void Note(string message)
        {
            lock (_lock)
                _notes.Add($"[grey]{Markup.Escape(message)}[/]");
        }

        public void Step(int step, int steps, string status)
        {
            lock (_lock)
            {
                _eta = _steps == 0 ? new Eta() : _eta;
                (_step, _steps, _status) = (step, steps, status);
            }
        }

        public void Measured(string figures)
        {
            lock (_lock)
                _measured = figures;
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
                string turn = Bar.Turn(_eta.Elapsed);
                if (_steps == 0)
                    return [$"{turn} preparing {Eta.Text(_eta.Elapsed)}"];
                string status = $"  {Markup.Escape(_status)}  {Markup.Escape(_measured)}";
                if (cancel.IsCancellationRequested)
                    return [$"{turn} {Markup.Escape(stopping)} (Ctrl-C again to end at once)", status];
                string head = $"{turn} step {_step} of {_steps}  ";
                double done = (double)_step / _steps;
                return [$"{head}{Bar.Draw(done, Math.Clamp(width - head.Length - 16, 8, 60))}  {_eta.Left(done)}", status];
            }
        }
    }
}
