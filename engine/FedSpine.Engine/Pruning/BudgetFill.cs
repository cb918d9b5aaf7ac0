using System.Numerics;

namespace FedSpine.Engine.Pruning;

/// <summary>
/// The last step of the ranking: moves the number of blocks taken from each chain up or down by a few around the threshold, so that
/// the removed parameters lie within half of the smallest block of the budget, and among such choices the removed score is least.
/// </summary>
/// <remarks>
/// A multiple-choice knapsack by dynamic programming over removed parameters, in units of the blocks' greatest common divisor. The
/// reach around the threshold doubles until the bound is met. When nothing meets it, the nearest count is taken (the smaller of two).
/// </remarks>
internal static class BudgetFill
{
    /// <summary>Table cells beyond which the reach no longer grows: a tenth of a second, 64 MB.</summary>
    private const long MaxCells = 1 << 24;

    /// <param name="chains">What can go; none empty.</param>
    /// <param name="start">Blocks taken from each chain at the threshold.</param>
    /// <param name="budget">Parameters to remove.</param>
    /// <returns>Blocks to take from each chain.</returns>
    public static int[] Fill(List<RemovalChain> chains, int[] start, double budget)
    {
        double bound = chains.Min(chain => chain.SmallestBlock) / 2.0;
        int[] best = start;
        int longest = chains.Max(chain => chain.Count);
        for (int reach = 2; ; reach *= 2)
        {
            if (Search(chains, start, reach, budget, bound) is not { } found)
                return best;
            best = found;
            if (Math.Abs(Removed(chains, best) - budget) <= bound || reach >= longest)
                return best;
        }
    }

    private static long Removed(List<RemovalChain> chains, int[] counts)
    {
        long sum = 0;
        for (int c = 0; c < counts.Length; c++)
            sum += chains[c].Size(counts[c]);
        return sum;
    }

    /// <summary>The best counts within <paramref name="reach"/> blocks of <paramref name="start"/> in every chain; null when the table would be too large.</summary>
    private static int[]? Search(List<RemovalChain> chains, int[] start, int reach, double budget, double bound)
    {
        int[] low = [.. start.Select(count => Math.Max(0, count - reach))];
        int[] high = [.. start.Select((count, c) => Math.Min(chains[c].Count, count + reach))];
        long unit = chains.SelectMany(chain => Enumerable.Range(0, chain.Count).Select(chain.BlockSize))
            .Aggregate(0L, (a, b) => (long)BigInteger.GreatestCommonDivisor(a, b));
        long floor = Removed(chains, low);
        long width = (Removed(chains, high) - floor) / unit + 1;
        if (width * chains.Count > MaxCells)
            return null;

        // least[x]: least score, relative to low, that removes floor + x units; chosen[c][x]: blocks above low[c] in that choice.
        var least = new double[width];
        Array.Fill(least, double.PositiveInfinity);
        least[0] = 0;
        var chosen = new int[chains.Count][];
        for (int c = 0; c < chains.Count; c++)
        {
            var next = new double[width];
            Array.Fill(next, double.PositiveInfinity);
            chosen[c] = new int[width];
            double score = 0;
            for (int count = low[c]; count <= high[c]; count++)
            {
                if (count > low[c])
                    score += chains[c].Score(count - 1);
                long step = (chains[c].Size(count) - chains[c].Size(low[c])) / unit;
                for (long x = step; x < width; x++)
                {
                    if (least[x - step] + score < next[x])
                    {
                        next[x] = least[x - step] + score;
                        chosen[c][x] = count - low[c];
                    }
                }
            }

            least = next;
        }

        var counts = new int[chains.Count];
        long at = Nearest(least, unit, budget - floor, bound);
        for (int c = chains.Count - 1; c >= 0; c--)
        {
            counts[c] = low[c] + chosen[c][at];
            at -= (chains[c].Size(counts[c]) - chains[c].Size(low[c])) / unit;
        }

        return counts;
    }

    /// <summary>The reachable x with the least score within the bound; otherwise the one nearest to the goal.</summary>
    private static long Nearest(double[] least, long unit, double goal, double bound)
    {
        long best = -1, nearest = -1;
        for (long x = 0; x < least.Length; x++)
        {
            if (double.IsPositiveInfinity(least[x]))
                continue;
            double error = Math.Abs(x * unit - goal);
            if (error <= bound && (best < 0 || least[x] < least[best]))
                best = x;
            if (nearest < 0 || error < Math.Abs(nearest * unit - goal))
                nearest = x;
        }

        return best >= 0 ? best : nearest;
    }
}
