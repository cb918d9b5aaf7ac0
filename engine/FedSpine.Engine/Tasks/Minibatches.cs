namespace FedSpine.Engine.Tasks;

/// <summary>
/// Endless minibatches: shuffled, without replacement within an epoch. Every epoch's order is drawn from a stream of its own, so
/// that a run that is resumed at a step sees the same examples as one that was not interrupted.
/// </summary>
public sealed class Minibatches
{
    private readonly int[] _examples;
    private readonly int[] _order;
    private readonly int[] _batch;
    private readonly ulong _seed;
    private readonly ulong[] _keys;
    private long _position;
    private long _epoch = -1;

    /// <param name="examples">Indices to draw from.</param>
    /// <param name="size">Examples a batch; fewer examples than that make a smaller one.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="keys">Name the stream beside the seed.</param>
    public Minibatches(int[] examples, int size, ulong seed, params ReadOnlySpan<ulong> keys)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfZero(examples.Length, nameof(examples));
        _examples = examples;
        _order = new int[examples.Length];
        _batch = new int[Math.Min(size, examples.Length)];
        _seed = seed;
        _keys = [.. keys, 0];
    }

    /// <summary>Examples a batch.</summary>
    public int Size => _batch.Length;

    /// <summary>Minibatches given out; set it to go on from there.</summary>
    public long Position
    {
        get => _position;
        set => _position = value;
    }

    /// <summary>The next batch's examples, valid until the next call.</summary>
    public ReadOnlySpan<int> Next()
    {
        for (int i = 0; i < _batch.Length; i++)
        {
            long at = _position * _batch.Length + i;
            long epoch = at / _order.Length;
            if (epoch != _epoch)
                Shuffle(epoch);
            _batch[i] = _order[at % _order.Length];
        }

        _position++;
        return _batch;
    }

    private void Shuffle(long epoch)
    {
        _epoch = epoch;
        _keys[^1] = (ulong)epoch;
        _examples.CopyTo(_order, 0);
        new DeterministicRandom(_seed, _keys).Shuffle<int>(_order);
    }
}
