namespace FedSpine.Engine.Pruning;

/// <summary>
/// The removable blocks of one layer's attention or FFN, in the order in which they go: lowest score first, lower index first among
/// equals. Removing n blocks always means the first n.
/// </summary>
internal sealed class RemovalChain
{
    private readonly int[] _members;  // ascending by score
    private readonly int[] _ends;     // members gone after n blocks; _ends[0] = 0
    private readonly double[] _scores; // of each block
    private readonly long _memberSize;

    private RemovalChain(int layer, bool attention, float[] scores, int[] ends, long memberSize)
    {
        Layer = layer;
        IsAttention = attention;
        _ends = ends;
        _memberSize = memberSize;
        _members = [.. Enumerable.Range(0, scores.Length).OrderBy(i => scores[i])]; // stable
        _scores = new double[ends.Length - 1];
        for (int block = 0; block < _scores.Length; block++)
        {
            for (int i = ends[block]; i < ends[block + 1]; i++)
                _scores[block] += scores[_members[i]];
        }
    }

    public int Layer { get; }

    public bool IsAttention { get; }

    /// <summary>Removable blocks.</summary>
    public int Count => _ends.Length - 1;

    /// <summary>Parameters of the smallest block; only the first can differ.</summary>
    public long SmallestBlock => Math.Min(BlockSize(0), BlockSize(Count - 1));

    /// <summary>One group a block; the last group stays.</summary>
    public static RemovalChain OfGroups(int layer, float[] scores, long groupSize) =>
        new(layer, true, scores, [.. Enumerable.Range(0, scores.Length)], groupSize);

    /// <summary>Blocks of <paramref name="multiple"/> channels, the first one smaller where the width is not a multiple; the last block stays.</summary>
    public static RemovalChain OfChannels(int layer, float[] scores, int multiple, long channelSize)
    {
        var ends = new List<int> { 0 };
        int width = scores.Length;
        while (width > multiple)
        {
            width -= width % multiple == 0 ? multiple : width % multiple;
            ends.Add(scores.Length - width);
        }

        return new RemovalChain(layer, false, scores, [.. ends], channelSize);
    }

    /// <summary>Parameters of block <paramref name="block"/>.</summary>
    public long BlockSize(int block) => (_ends[block + 1] - _ends[block]) * _memberSize;

    /// <summary>Parameters of the first <paramref name="blocks"/> blocks.</summary>
    public long Size(int blocks) => _ends[blocks] * _memberSize;

    /// <summary>Sum of the scores in one block.</summary>
    public double Score(int block) => _scores[block];

    /// <summary>Score per parameter of one block; never falls along the chain.</summary>
    public double Density(int block) => _scores[block] / BlockSize(block);

    /// <summary>Groups or channels in the first <paramref name="blocks"/> blocks, as present indices.</summary>
    public ReadOnlySpan<int> Members(int blocks) => _members.AsSpan(0, _ends[blocks]);
}
