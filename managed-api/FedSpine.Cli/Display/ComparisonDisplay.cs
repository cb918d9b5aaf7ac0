using System.Diagnostics;
using FedSpine.Federated.Comparison;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using Spectre.Console;

namespace FedSpine.Cli.Display;

/// <summary>
/// Shows a comparison while it works: a bar with the time left and the present run's lines on a terminal, a line a run elsewhere. Time
/// left is what the costs say, corrected by how long the runs so far really took.
/// </summary>
internal sealed class ComparisonDisplay(IAnsiConsole console, CellCost cost, bool live, CancellationToken cancel) : IComparisonProgress
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ComparisonCell, double> _seconds = [];
    private readonly List<string> _notes = [];
    private double _left, _expected, _taken, _all;
    private int _cells, _finished;
    private ComparisonCell? _cell;
    private LiveSimulationProgress? _inner;
    private long _cellStarted, _begun = Stopwatch.GetTimestamp();

    public static ComparisonSummary Run(IAnsiConsole console, CellCost cost, CancellationToken cancel, Func<IComparisonProgress, ComparisonSummary> work)
    {
        bool live = LiveLines.Suits(console);
        var display = new ComparisonDisplay(console, cost, live, cancel);
        return live ? LiveLines.Show(console, display.Lines, display.TakeNotes, () => work(display)) : work(display);
    }

    public void Begin(int cells, int finished, IReadOnlyList<ComparisonCell> left)
    {
        foreach (var cell in left)
            _seconds[cell] = cost.Seconds(cell.Options);
        lock (_lock)
        {
            (_cells, _finished, _left) = (cells, finished, _seconds.Values.Sum());
            _all = _left;
            _begun = Stopwatch.GetTimestamp();
        }

        Tell($"{cells} runs{(finished > 0 ? $", {finished} of them finished before" : "")}, about {Units.Duration(_left)}");
    }

    public void CellStarted(ComparisonCell cell)
    {
        lock (_lock)
            (_cell, _cellStarted) = (cell, Stopwatch.GetTimestamp());
    }

    public ISimulationProgress OfCell(ComparisonCell cell)
    {
        if (!live)
            return new Quiet(Tell);
        lock (_lock)
            return _inner = new LiveSimulationProgress(cell.Options, cancel);
    }

    public void CellFinished(ComparisonCell cell, RunSummary summary, double seconds)
    {
        string line;
        lock (_lock)
        {
            _finished++;
            _left -= _seconds[cell];
            (_expected, _taken, _cell) = (_expected + _seconds[cell], _taken + seconds, null);
            string quality = summary.Perplexity is { } p ? $"perplexity {Units.Significant(p)}" : $"accuracy {Units.Percent(summary.Accuracy)}";
            line = $"{_finished.ToString().PadLeft(_cells.ToString().Length)}/{_cells}  {cell}: {quality}, sparsity {Units.Percent(summary.Sparsity, 0)}, {Units.Duration(seconds)}{(_finished < _cells ? $"; about {Units.Duration(Left())} left" : "")}";
        }

        Tell(line);
    }

    /// <summary>Corrected once a run has shown how far off the costs are.</summary>
    private double Left()
    {
        double factor = _expected > 0 ? _taken / _expected : 1;
        double now = _cell is null ? 0 : Math.Min(Stopwatch.GetElapsedTime(_cellStarted).TotalSeconds, _seconds[_cell] * factor);
        return Math.Max(0, _left * factor - now);
    }

    private void Tell(string line)
    {
        if (!live)
        {
            console.Profile.Out.Writer.WriteLine(line);
            return;
        }

        lock (_lock)
            _notes.Add(Markup.Escape(line));
    }

    private IReadOnlyList<string> TakeNotes()
    {
        lock (_lock)
        {
            string[] notes = [.. _notes, .. _inner?.TakeNotes() ?? []];
            _notes.Clear();
            return notes;
        }
    }

    private IReadOnlyList<string> Lines(int width)
    {
        lock (_lock)
        {
            string turn = Bar.Turn(Stopwatch.GetElapsedTime(_begun));
            if (_cell is null || _inner is null)
                return [$"{turn} measuring how long it will take"];
            double left = Left(), done = _all > 0 ? 1 - Math.Min(1, left / (left + Stopwatch.GetElapsedTime(_begun).TotalSeconds)) : 0;
            string head = $"{turn} run {_finished + 1} of {_cells}  {Markup.Escape(_cell.ToString())}  ";
            return [$"{head}{Bar.Draw(done, Math.Clamp(width - head.Length - 18, 8, 60))}  {Eta.Text(TimeSpan.FromSeconds(left))} left", .. _inner.Lines(width)];
        }
    }

    /// <summary>A run's rounds are in its folder; here a line a run is enough.</summary>
    private sealed class Quiet(Action<string> tell) : ISimulationProgress
    {
        public void Phase(string name, int rounds) { }

        public void DeviceFinished(int round, int finished, int participants) { }

        public void RoundFinished(RoundRecord round) { }

        public void Note(string message) => tell(message);
    }
}
