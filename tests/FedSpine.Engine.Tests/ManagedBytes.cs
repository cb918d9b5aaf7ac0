namespace FedSpine.Engine.Tests;

/// <summary>Managed bytes that a call allocates on this thread.</summary>
internal static class ManagedBytes
{
    /// <summary>
    /// The least of five tries, or 0 as soon as one has it: a collection in the middle, which any other test may cause, is counted as 8 kB, and the runtime makes
    /// a lock's event when a semaphore is first contended.
    /// </summary>
    public static long Least(Action call)
    {
        long least = long.MaxValue;
        for (int i = 0; i < 5 && least != 0; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            call();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
