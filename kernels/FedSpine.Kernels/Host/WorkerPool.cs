namespace FedSpine.Kernels.Host;

/// <summary>A loop body over [start, end): a struct of raw pointers and sizes, so that forking allocates nothing.</summary>
internal interface IRangeBody
{
    /// <param name="worker">0 .. threads-1: index of the per-worker scratch.</param>
    void Invoke(int start, int end, int worker);
}

/// <summary>
/// Runs loop bodies on a fixed set of threads; the caller is worker 0. Workers spin briefly between forks, then park.
/// A body must not throw and must write disjoint outputs per index, whose values do not depend on the chunking.
/// One fork at a time. A fork never waits for a worker that has not begun: on a busy machine, where a worker may not be scheduled
/// for long, the caller does the work itself.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinsBeforePark = 2000;

    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private delegate*<void*, int, int, int, void> _invoke;
    private void* _body;
    private int _count;
    private int _grain;
    private int _next;      // first index not yet claimed
    private int _fork;      // number of the latest fork
    private int _open;      // number of the fork that workers may enter; 0: none
    private int _inside;    // workers that are looking at the gate or running bodies
    private int _parked;
    private volatile bool _stop;

    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Count = threads;
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"fedspine worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads, the caller included.</summary>
    public int Count { get; }

    /// <summary>Calls body over [0, count) in chunks of at most <paramref name="grain"/> indices; returns when all are done.</summary>
    public void For<TBody>(int count, int grain, ref TBody body) where TBody : unmanaged, IRangeBody
    {
        if (count <= 0)
            return;
        if (_threads.Length == 0 || count <= grain)
        {
            body.Invoke(0, count, 0);
            return;
        }

        fixed (TBody* pointer = &body)
        {
            _body = pointer;
            _invoke = &Call<TBody>;
            _count = count;
            _grain = grain;
            _next = 0;
            int fork = _fork + 1 == 0 ? 1 : _fork + 1;
            Volatile.Write(ref _open, fork);
            Interlocked.Exchange(ref _fork, fork);
            int parked = Volatile.Read(ref _parked);
            if (parked > 0)
                _wake.Release(parked);
            Drain(0);
            // Close the gate, then wait for those inside. A worker steps in before it looks whether the gate is open, so either it
            // sees the gate closed, or this sees the worker.
            Interlocked.Exchange(ref _open, 0);
            var spin = new SpinWait();
            while (Volatile.Read(ref _inside) != 0)
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    public void Dispose()
    {
        _stop = true;
        Interlocked.Increment(ref _fork);
        _wake.Release(_threads.Length + 1);
        foreach (var thread in _threads)
            thread.Join();
        _wake.Dispose();
    }

    private static void Call<TBody>(void* body, int start, int end, int worker) where TBody : unmanaged, IRangeBody =>
        ((TBody*)body)->Invoke(start, end, worker);

    private void Drain(int worker)
    {
        while (true)
        {
            int end = Interlocked.Add(ref _next, _grain);
            int start = end - _grain;
            if (start >= _count)
                return;
            _invoke(_body, start, Math.Min(end, _count), worker);
        }
    }

    private void Work(int worker)
    {
        int seen = 0;
        while (true)
        {
            for (int spins = 0; Volatile.Read(ref _fork) == seen && spins < SpinsBeforePark; spins++)
                Thread.SpinWait(20);
            while (Volatile.Read(ref _fork) == seen)
            {
                // Announce before the last look: a fork after it sees the announcement and releases. A spare release only
                // costs one extra turn of this loop.
                Interlocked.Increment(ref _parked);
                if (Volatile.Read(ref _fork) == seen)
                    _wake.Wait();
                Interlocked.Decrement(ref _parked);
            }

            seen = Volatile.Read(ref _fork);
            if (_stop)
                return;
            Interlocked.Increment(ref _inside);
            if (Volatile.Read(ref _open) == seen)
                Drain(worker);
            Interlocked.Decrement(ref _inside);
        }
    }
}
