using System.Diagnostics.Tracing;
using FedSpine.Engine.Models;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Profiling;

/// <summary>Alone: who listens sees other tests' steps, and makes them allocate.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class EngineEventsTests
{
    [Fact]
    public void Listeners_see_every_training_step()
    {
        using var listener = new Listener();
        using var backend = HostBackend.Create(1);
        ProfilingTests.Step(backend, TinyModels.Llama(ModelHead.CausalLm));
        var (step, loss, tokens) = Assert.Single(listener.Steps);
        Assert.Equal((1, 9), (step, tokens));
        Assert.True(double.IsFinite(loss));
    }

    private sealed class Listener : EventListener
    {
        private readonly Lock _lock = new();
        private readonly List<(int Step, double Loss, int Tokens)> _steps = [];

        public IReadOnlyList<(int Step, double Loss, int Tokens)> Steps
        {
            get
            {
                lock (_lock)
                    return [.. _steps];
            }
        }

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "FedSpine")
                EnableEvents(source, EventLevel.Informational);
        }

        protected override void OnEventWritten(EventWrittenEventArgs e)
        {
            if (e.EventName != "Step")
                return;
            lock (_lock)
                _steps.Add(((int)e.Payload![0]!, (double)e.Payload[1]!, (int)e.Payload[2]!));
        }
    }
}
