namespace FedSpine.Kernels.Memory;

/// <summary>Where each rented buffer of a step lies in the activation arena, packed by lifetime.</summary>
public sealed class WorkspacePlan
{
    private WorkspacePlan(List<Buffer> buffers, long[] offsets, long bytes)
    {
        Buffers = buffers;
        Offsets = offsets;
        Bytes = bytes;
    }

    /// <summary>One rent: its size, and the ticks at which it was rented and released.</summary>
    public readonly record struct Buffer(long Bytes, int Start, int End);

    public IReadOnlyList<Buffer> Buffers { get; }

    /// <summary>Byte offset of each buffer, in rent order.</summary>
    public long[] Offsets { get; }

    /// <summary>Size of the arena that the plan needs.</summary>
    public long Bytes { get; }

    /// <summary>
    /// Greedy by size: the largest buffer first, each into the lowest gap that is free during its whole lifetime
    /// (Pisarchyk and Lee, arXiv 2001.03288, algorithm "greedy by size for offset calculation").
    /// </summary>
    internal static WorkspacePlan Pack(List<Buffer> buffers)
    {
        var order = Enumerable.Range(0, buffers.Count).OrderByDescending(i => buffers[i].Bytes).ThenBy(i => i).ToArray();
        var offsets = new long[buffers.Count];
        var placed = new List<int>(buffers.Count); // by offset
        long total = 0;
        foreach (int i in order)
        {
            long offset = 0;
            foreach (int j in placed)
            {
                bool overlapsInTime = buffers[j].Start < buffers[i].End && buffers[i].Start < buffers[j].End;
                if (!overlapsInTime)
                    continue;
                if (offsets[j] - offset >= buffers[i].Bytes)
                    break;
                offset = Math.Max(offset, offsets[j] + buffers[j].Bytes);
            }

            offsets[i] = offset;
            total = Math.Max(total, offset + buffers[i].Bytes);
            int at = placed.FindIndex(j => offsets[j] > offset);
            placed.Insert(at < 0 ? placed.Count : at, i);
        }

        return new WorkspacePlan(buffers, offsets, total);
    }
}
