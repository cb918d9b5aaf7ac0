namespace FedSpine.Engine.Text;

/// <summary>Words as token ids with counts, and how often each pair of neighbours occurs in them.</summary>
internal sealed class PairedWords
{
    private readonly List<int[]> _words = [];
    private readonly List<long> _counts = [];
    private readonly Dictionary<(int, int), long> _pairCounts = [];

    /// <summary>Words that hold the pair, and some that no longer do.</summary>
    private readonly Dictionary<(int, int), HashSet<int>> _wordsOfPair = [];

    /// <summary>Largest count first, then smallest ids; entries whose count has changed since are stale.</summary>
    private readonly PriorityQueue<(int, int), (long, int, int)> _queue = new();

    public PairedWords(IEnumerable<(int[] Ids, long Count)> words)
    {
        foreach ((int[] ids, long count) in words)
        {
            for (int i = 0; i + 1 < ids.Length; i++)
                Change((ids[i], ids[i + 1]), count, _words.Count);
            _words.Add(ids);
            _counts.Add(count);
        }
        foreach ((int, int) pair in _pairCounts.Keys)
            Enqueue(pair);
    }

    /// <summary>The most frequent pair, which is then out of the running unless a merge brings it back.</summary>
    public bool TryTakeMostFrequent(int minFrequency, out (int Left, int Right) pair)
    {
        while (_queue.TryDequeue(out pair, out (long NegativeCount, int, int) priority))
        {
            long count = -priority.NegativeCount;
            if (count == _pairCounts.GetValueOrDefault(pair))
                return count >= minFrequency;
        }
        return false;
    }

    /// <summary>Replaces the pair by one token in every word, from the left.</summary>
    public void Merge((int Left, int Right) pair, int merged)
    {
        var changed = new HashSet<(int, int)>();
        foreach (int word in _wordsOfPair[pair])
        {
            int[] old = _words[word];
            int[] ids = Merged(old, pair, merged);
            if (ids.Length == old.Length)
                continue;
            for (int i = 0; i + 1 < old.Length; i++)
                changed.Add(Change((old[i], old[i + 1]), -_counts[word], word));
            for (int i = 0; i + 1 < ids.Length; i++)
                changed.Add(Change((ids[i], ids[i + 1]), _counts[word], word));
            _words[word] = ids;
        }
        _wordsOfPair.Remove(pair);
        _pairCounts.Remove(pair);
        foreach ((int, int) other in changed)
            Enqueue(other);
    }

    private static int[] Merged(int[] ids, (int Left, int Right) pair, int merged)
    {
        int[] result = new int[ids.Length];
        int length = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            bool here = i + 1 < ids.Length && ids[i] == pair.Left && ids[i + 1] == pair.Right;
            result[length++] = here ? merged : ids[i];
            i += here ? 1 : 0;
        }
        return result[..length];
    }

    private (int, int) Change((int, int) pair, long by, int word)
    {
        _pairCounts[pair] = _pairCounts.GetValueOrDefault(pair) + by;
        if (by > 0)
        {
            if (!_wordsOfPair.TryGetValue(pair, out HashSet<int>? words))
                _wordsOfPair[pair] = words = [];
            words.Add(word);
        }
        return pair;
    }

    private void Enqueue((int Left, int Right) pair)
    {
        if (_pairCounts.TryGetValue(pair, out long count) && count > 0)
            _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
    }
}
