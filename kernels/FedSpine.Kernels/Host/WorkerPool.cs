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
/// One fork at a time.
/// </summary>
/// <remarks>
/// A fork is published in one word: its number and how many chunks are unclaimed. Whoever decrements it owns a chunk, and the
/// description of the fork stays put until every chunk is done. The caller waits for chunks, never for threads: a worker that
/// is asleep or has lost its core only means that the others do its share.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>Tens of microseconds: longer than the gap between two operators of a step, so that a step's forks find its workers awake.</summary>
    private const int SpinsBeforePark = 200;

    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private delegate*<void*, int, int, int, void> _invoke;
    private void* _body;
    private int _count;
    private int _grain;
    private int _chunks;
    private int _completed; // chunks of the present fork that are done
    private long _state;    // fork number << 32 | chunks not yet claimed
    private int _parked;    // workers that wait for a release
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
            _chunks = (int)(((long)count + grain - 1) / grain);
            _completed = 0;
            Interlocked.Exchange(ref _state, ((_state >> 32) + 1) << 32 | (uint)_chunks);
            int parked = Interlocked.Exchange(ref _parked, 0);
            if (parked > 0)
                _wake.Release(parked);
            Drain(0);
            var spin = new SpinWait();
            while (Volatile.Read(ref _completed) != _chunks)
                spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    public void Dispose()
    {
        if (_stop)
            return;
        _stop = true;
        _wake.Release(Count);
        foreach (var thread in _threads)
            thread.Join();
        _wake.Dispose();
    }

    private static void Call<TBody>(void* body, int start, int end, int worker) where TBody : unmanaged, IRangeBody =>
        ((TBody*)body)->Invoke(start, end, worker);

    /// <summary>Does chunks until none is left; false when there was none.</summary>
    private bool Drain(int worker)
    {
        bool worked = false;
        while (true)
        {
            long state = Volatile.Read(ref _state);
            if ((int)state == 0)
                return worked;
            if (Interlocked.CompareExchange(ref _state, state - 1, state) != state)
                continue;
            int start = (_chunks - (int)state) * _grain;
            _invoke(_body, start, (int)Math.Min((long)start + _grain, _count), worker);
            Interlocked.Increment(ref _completed);
            worked = true;
        }
    }

    private void Work(int worker)
    {
        int spins = 0;
        while (!_stop)
        {
            if (Drain(worker))
                spins = 0;
            else if (spins++ < SpinsBeforePark)
                Thread.SpinWait(10);
            else
            {
                Park();
                spins = 0;
            }
        }
    }

    private void Park()
    {
        // Announce before the last look: a fork published after it sees the announcement and releases.
        Interlocked.Increment(ref _parked);
        if (!_stop && (int)Volatile.Read(ref _state) == 0)
        {
            _wake.Wait();
            return;
        }

        // There is work: take the announcement back, or the release if a fork has already answered it.
        int parked;
        while ((parked = Volatile.Read(ref _parked)) > 0)
        {
            if (Interlocked.CompareExchange(ref _parked, parked - 1, parked) == parked)
                return;
        }

        _wake.Wait();
    }
}
