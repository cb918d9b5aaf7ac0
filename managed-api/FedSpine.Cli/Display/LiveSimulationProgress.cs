using FedSpine.Engine.Tasks;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using Spectre.Console;

namespace FedSpine.Cli.Display;

/// <summary>A run's state as two lines: phase, rounds and time left; what the last round brought.</summary>
internal sealed class LiveSimulationProgress(SimulationOptions options, CancellationToken cancel) : ISimulationProgress
{
    private readonly Lock _lock = new();
    private readonly List<string> _notes = [];
    private Eta _eta = new();
    private string _phase = "starting";
    private int _rounds = options.Rounds, _round;
    private double _part;
    private RoundRecord? _last;
    private double? _quality;

    public void Phase(string name, int rounds)
    {
        lock (_lock)
        {
            (_phase, _rounds) = (name, rounds);
            (_eta, _part) = (new Eta(), 0);
        }
    }

    public void DeviceFinished(int round, int finished, int participants)
    {
        lock (_lock)
        {
            _round = round - 1;
            _part = (double)finished / participants;
        }
    }

    public void RoundFinished(RoundRecord round)
    {
        lock (_lock)
        {
            (_round, _part, _last) = (round.Round, 0, round);
            _quality = (options.Task == TaskKind.CausalLm ? round.Perplexity : round.Accuracy) ?? _quality;
        }
    }

    public void Note(string message)
    {
        lock (_lock)
            _notes.Add($"[grey]{Markup.Escape(message)}[/]");
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
            double done = Math.Min(1, (_round + _part) / _rounds);
            string turn = Bar.Turn(_eta.Elapsed);
            if (cancel.IsCancellationRequested)
                return [$"{turn} stopping; the finished rounds are kept (Ctrl-C again to end at once)", Status()];
            if (_phase != "federating")
                return [$"{turn} {Markup.Escape(_phase)} {Eta.Text(_eta.Elapsed)}", Status()];
            string rounds = $"round {Math.Min(_round + 1, _rounds)} of {_rounds}", left = _eta.Left(done);
            string head = $"{turn} {_phase}  {rounds}  ";
            int room = Math.Clamp(width - head.Length - 16, 8, 60);
            return [$"{head}{Bar.Draw(done, room)}  {left}", Status()];
        }
    }

    private string Status()
    {
        if (_last is null)
            return "  [grey]no round finished yet[/]";
        string quality = options.Task == TaskKind.CausalLm ? $"perplexity {Units.Significant(_quality)}" : $"accuracy {Units.Percent(_quality)}";
        return $"  mean ratio [bold]{Units.Percent(_last.MeanSparsity)}[/]  {(_quality is null ? "" : $"{quality}  ")}virtual time {Units.Duration(_last.VirtualSeconds)}";
    }
}
