using FedSpine.Kernels.Host;

namespace FedSpine.Kernels.Tests.Host;

public sealed unsafe class WorkerPoolTests
{
    private struct CountVisits : IRangeBody
    {
        public int* Visits;
        public int* Workers;
        public int Grain;
        public int* TooLong;

        public readonly void Invoke(int start, int end, int worker)
        {
            if (end - start > Grain)
                Interlocked.Increment(ref *TooLong);
            Interlocked.Increment(ref Workers[worker]);
            for (int i = start; i < end; i++)
                Interlocked.Increment(ref Visits[i]);
        }
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(7)]
    public void VisitsEveryIndexOnce(int threads)
    {
        using var pool = new WorkerPool(threads);
        int* visits = stackalloc int[1000], workers = stackalloc int[threads];
        int tooLong = 0;
        foreach (int count in new[] { 0, 1, 2, 5, 64, 999, 1000 })
        {
            foreach (int grain in new[] { 1, 2, 7, 500, 1000, int.MaxValue })
            {
                new Span<int>(visits, 1000).Clear();
                new Span<int>(workers, threads).Clear();
                var body = new CountVisits { Visits = visits, Workers = workers, Grain = threads == 1 ? int.MaxValue : grain, TooLong = &tooLong };
                pool.For(count, grain, ref body);
                for (int i = 0; i < 1000; i++)
                    Assert.Equal(i < count ? 1 : 0, visits[i]);
                Assert.Equal(0, tooLong);
            }
        }
    }

    [Fact]
    public void ForksInQuickSuccessionSeeTheirOwnBody()
    {
        // Forks of every size, sometimes with a pause in which the workers fall asleep: a late worker must never run a body that
        // has returned, nor a new one's indices with an old one's data.
        using var pool = new WorkerPool(3);
        int* visits = stackalloc int[64], workers = stackalloc int[3];
        int tooLong = 0;
        for (int fork = 0; fork < 20_000; fork++)
        {
            int count = 1 + fork % 64;
            new Span<int>(visits, 64).Clear();
            var body = new CountVisits { Visits = visits, Workers = workers, Grain = 1 + fork % 3, TooLong = &tooLong };
            pool.For(count, body.Grain, ref body);
            int sum = 0;
            for (int i = 0; i < 64; i++)
                sum += visits[i] == (i < count ? 1 : 0) ? 1 : 0;
            Assert.True(sum == 64, $"fork {fork} of {count}");
            if (fork % 5000 == 0)
                Thread.Sleep(5);
        }
    }

    private struct WaitForAll : IRangeBody
    {
        public int* Arrived;
        public int Count;

        public readonly void Invoke(int start, int end, int worker)
        {
            Interlocked.Increment(ref *Arrived);
            var spin = new SpinWait();
            while (Volatile.Read(ref *Arrived) < Count)
                spin.SpinOnce();
        }
    }

    [Fact]
    public void AllThreadsTakePart()
    {
        // Every chunk waits until all of them have begun: this ends only if sleeping workers are woken, fork after fork.
        using var pool = new WorkerPool(3);
        for (int fork = 0; fork < 20; fork++)
        {
            int arrived = 0;
            var body = new WaitForAll { Arrived = &arrived, Count = 3 };
            pool.For(3, 1, ref body);
            Assert.Equal(3, arrived);
            Thread.Sleep(2);
        }
    }

    [Fact]
    public void NeedsAThread() => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(0));
}
