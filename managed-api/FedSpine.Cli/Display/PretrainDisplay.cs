using FedSpine.Engine.Training;
using FedSpine.Federated.Reporting;
using Spectre.Console;

namespace FedSpine.Cli.Display;

/// <summary>Shows pretraining while it works: two moving lines on a terminal, a line every tenth of the steps elsewhere.</summary>
internal static class PretrainDisplay
{
    public static PretrainResult Run(IAnsiConsole console, PretrainOptions options, CancellationToken cancel, Func<IPretrainProgress, PretrainResult> work)
    {
        if (!LiveLines.Suits(console))
            return work(new Plain(console.Profile.Out.Writer));
        var state = new Live(cancel);
        return LiveLines.Show(console, state.Lines, state.TakeNotes, () => work(state));
    }

    private sealed class Plain(TextWriter output) : IPretrainProgress
    {
        private double _loss, _rate;
        private int _steps;

        public void Note(string message) => output.WriteLine(message);

        public void Step(int step, int steps, double loss, double tokensPerSecond) => (_steps, _loss, _rate) = (steps, loss, tokensPerSecond);

        public void HeldOut(int step, double loss) => output.WriteLine(
            $"step {step.ToString().PadLeft(_steps.ToString().Length)}/{_steps}  loss {Units.Significant(_loss)}  held-out loss {Units.Significant(loss)}  {Units.Count(_rate)} tokens/s");
    }

    private sealed class Live(CancellationToken cancel) : IPretrainProgress
    {
        private readonly Lock _lock = new();
        private readonly List<string> _notes = [];
        private Eta _eta = new();
        private int _step, _steps;
        private double _loss, _rate;
        private double? _heldOut;

        public void Note(string message)
        {
            lock (_lock)
                _notes.Add($"[grey]{Markup.Escape(message)}[/]");
        }

        public void Step(int step, int steps, double loss, double tokensPerSecond)
        {
            lock (_lock)
            {
                _eta = _steps == 0 ? new Eta() : _eta;
                (_step, _steps, _loss, _rate) = (step, steps, loss, tokensPerSecond);
            }
        }

        public void HeldOut(int step, double loss)
        {
            lock (_lock)
                _heldOut = loss;
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
                string status = $"  loss [bold]{Units.Significant(_loss)}[/]  {(_heldOut is null ? "" : $"held-out loss {Units.Significant(_heldOut)}  ")}{Units.Count(_rate)} tokens/s";
                if (cancel.IsCancellationRequested)
                    return [$"{turn} stopping; the model so far is written (Ctrl-C again to end at once)", status];
                string head = $"{turn} step {_step} of {_steps}  ";
                double done = (double)_step / _steps;
                return [$"{head}{Bar.Draw(done, Math.Clamp(width - head.Length - 16, 8, 60))}  {_eta.Left(done)}", status];
            }
        }
    }
}
