using System.Runtime.InteropServices;

namespace FedSpine.Cli;

/// <summary>
/// Turns the first Ctrl-C or SIGTERM into a cancellation; the second ends the process at once. A verb that goes on after an
/// interruption begins anew for each piece of its work, and between two pieces the first Ctrl-C ends the process.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private volatile CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Interruption() => _registrations =
        [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];

    public CancellationToken Token => _source.Token;

    /// <summary>A token of its own for the next piece of work.</summary>
    public CancellationToken Begin() => (_source = new CancellationTokenSource()).Token;

    /// <summary>The piece of work is over.</summary>
    public void End() => _source.Cancel();

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        var source = _source;
        context.Cancel = !source.IsCancellationRequested;
        source.Cancel();
    }
}
