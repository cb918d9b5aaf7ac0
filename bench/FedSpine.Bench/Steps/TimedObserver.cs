using System.Diagnostics;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench.Steps;

/// <summary>Passes a step's events on and adds up the time that they take: the host backend has done its work when it returns.</summary>
internal sealed class TimedObserver(IStepObserver inner) : IStepObserver
{
    private long _ticks;

    /// <summary>Seconds since it was last asked.</summary>
    public double TakeSeconds()
    {
        double seconds = (double)_ticks / Stopwatch.Frequency;
        _ticks = 0;
        return seconds;
    }

    public bool WantsEveryRow => inner.WantsEveryRow;

    public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h, SequenceRows rows)
    {
        long start = Stopwatch.GetTimestamp();
        inner.OnForward(backend, workspace, layer, o, h, rows);
        _ticks += Stopwatch.GetTimestamp() - start;
    }

    public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh, SequenceRows rows)
    {
        long start = Stopwatch.GetTimestamp();
        inner.OnBackwardFfn(backend, workspace, layer, h, dh, rows);
        _ticks += Stopwatch.GetTimestamp() - start;
    }

    public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o, SequenceRows rows)
    {
        long start = Stopwatch.GetTimestamp();
        inner.OnBackwardAttention(backend, workspace, layer, o, d_o, rows);
        _ticks += Stopwatch.GetTimestamp() - start;
    }

    public void OnGradients(IComputeBackend backend, Workspace workspace, Model model)
    {
        long start = Stopwatch.GetTimestamp();
        inner.OnGradients(backend, workspace, model);
        _ticks += Stopwatch.GetTimestamp() - start;
    }
}
