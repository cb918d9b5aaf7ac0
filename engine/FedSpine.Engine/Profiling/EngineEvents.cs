using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;

namespace FedSpine.Engine.Profiling;

/// <summary>
/// The event source "FedSpine": dotnet-trace sees every training step, dotnet-counters steps and tokens a second and the bytes of
/// activations and scratch. Nothing is computed or allocated unless someone listens.
/// </summary>
[EventSource(Name = "FedSpine")]
public sealed class EngineEvents : EventSource
{
    private long _steps, _tokens, _generated;
    private long _arenaBytes;
    private IncrementingPollingCounter? _stepRate, _tokenRate, _generatedRate;
    private PollingCounter? _arena;

    private EngineEvents()
    {
    }

    public static EngineEvents Log { get; } = new();

    /// <summary>A training step has ended.</summary>
    /// <param name="step">Counted from 1.</param>
    /// <param name="tokens">Tokens that are not padding.</param>
    /// <param name="arenaBytes">Activations and scratch, as planned.</param>
    [NonEvent]
    internal void TrainingStep(int step, double loss, int tokens, long arenaBytes)
    {
        if (!IsEnabled())
            return;
        _steps++;
        _tokens += tokens;
        _arenaBytes = arenaBytes;
        Step(step, loss, tokens);
    }

    /// <summary>Tokens were generated.</summary>
    [NonEvent]
    internal void Generated(int tokens)
    {
        if (IsEnabled())
            _generated += tokens;
    }

    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        if (command.Command != EventCommand.Enable)
            return;
        _stepRate ??= new IncrementingPollingCounter("steps", this, () => _steps) { DisplayName = "Training steps", DisplayRateTimeScale = TimeSpan.FromSeconds(1) };
        _tokenRate ??= new IncrementingPollingCounter("tokens", this, () => _tokens) { DisplayName = "Tokens trained", DisplayRateTimeScale = TimeSpan.FromSeconds(1) };
        _generatedRate ??= new IncrementingPollingCounter("generated-tokens", this, () => _generated) { DisplayName = "Tokens generated", DisplayRateTimeScale = TimeSpan.FromSeconds(1) };
        _arena ??= new PollingCounter("arena-bytes", this, () => _arenaBytes) { DisplayName = "Activations and scratch", DisplayUnits = "B" };
    }

    [Event(1, Level = EventLevel.Informational)]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Numbers only.")]
    private unsafe void Step(int step, double loss, int tokens)
    {
        // By hand: WriteEvent's params array would allocate.
        var data = stackalloc EventData[3];
        data[0] = new EventData { DataPointer = (nint)(&step), Size = sizeof(int) };
        data[1] = new EventData { DataPointer = (nint)(&loss), Size = sizeof(double) };
        data[2] = new EventData { DataPointer = (nint)(&tokens), Size = sizeof(int) };
        WriteEventCore(1, 3, data);
    }
}
