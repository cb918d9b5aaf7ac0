using System.Collections.Concurrent;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// Runs virtual devices side by side, one host backend of one thread each: devices are independent, so this scales where threads
/// inside a small model's operators would not, and results cannot depend on the number of workers. On an accelerator, which has one
/// caller at a time, one after the other.
/// </summary>
internal sealed class Workers : IDisposable
{
    private readonly ConcurrentBag<IComputeBackend> _idle = [];
    private readonly IComputeBackend? _accelerator;
    private readonly int _count;

    public Workers(SimulationCompute compute)
    {
        _accelerator = compute.Accelerator;
        if (_accelerator is not null)
            return;
        _count = compute.Threads == 0 ? Environment.ProcessorCount : compute.Threads;
        for (int i = 0; i < _count; i++)
            _idle.Add(HostBackend.Create(threads: 1));
    }

    /// <summary>Calls <paramref name="work"/> for every item; results in item order. The first failure in item order is rethrown as it was.</summary>
    public TResult[] Run<TItem, TResult>(IReadOnlyList<TItem> items, Func<TItem, IComputeBackend, TResult> work, CancellationToken cancel, Action? finished = null)
    {
        var results = new TResult[items.Count];
        if (_accelerator is not null)
        {
            for (int i = 0; i < items.Count; i++)
            {
                cancel.ThrowIfCancellationRequested();
                results[i] = work(items[i], _accelerator);
                finished?.Invoke();
            }

            return results;
        }

        var errors = new Exception?[items.Count];
        int next = -1;
        using var done = new BlockingCollection<int>();
        void Loop()
        {
            _idle.TryTake(out var backend);
            int i;
            while ((i = Interlocked.Increment(ref next)) < items.Count)
            {
                try
                {
                    cancel.ThrowIfCancellationRequested();
                    results[i] = work(items[i], backend!);
                }
                catch (Exception e)
                {
                    errors[i] = e;
                }

                done.Add(i);
            }

            _idle.Add(backend!);
        }

        var threads = Enumerable.Range(0, Math.Min(_count, items.Count)).Select(_ => new Thread(Loop) { IsBackground = true }).ToArray();
        foreach (var thread in threads)
            thread.Start();
        // The caller is told of finished items on its own thread.
        for (int i = 0; i < items.Count; i++)
        {
            done.Take();
            finished?.Invoke();
        }

        foreach (var thread in threads)
            thread.Join();
        if (Array.Find(errors, e => e is not null) is { } first)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        return results;
    }

    public void Dispose()
    {
        foreach (var backend in _idle)
            backend.Dispose();
    }
}
