namespace FedSpine.Engine.Generation;

/// <summary>
/// Draws the next token from logits (V), as <see cref="GenerationOptions"/> defines it; allocates nothing once made. Candidates are
/// sorted only as far down as top-k and top-p need.
/// </summary>
public sealed class TokenSampler
{
    /// <summary>How far below the likeliest token candidates are first looked for; the square each time that was not enough.</summary>
    private const double FirstDepth = 1.0 / 16;

    private readonly GenerationOptions _options;
    private readonly DeterministicRandom _random;
    private readonly float[] _logits;   // (V) penalised
    private readonly double[] _weights; // (V) probability over that of the likeliest token
    private readonly ulong[] _order;    // (V) candidates, likeliest first once sorted
    private readonly bool[] _seen;      // (V) in the prompt or the text

    public TokenSampler(GenerationOptions options, int vocabulary)
    {
        options.Validate();
        _options = options;
        _random = new DeterministicRandom(options.Seed);
        _logits = new float[vocabulary];
        _weights = new double[vocabulary];
        _order = new ulong[vocabulary];
        _seen = new bool[vocabulary];
    }

    /// <summary>Notes a token of the prompt, for the repetition penalty; tokens drawn are noted as they are drawn.</summary>
    public void Note(int id) => _seen[id] = true;

    /// <exception cref="FedSpineException">A logit is not a number, or all are -infinity.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        int best = Penalise(logits);
        int id = _options.Temperature == 0 ? best : Draw(best);
        _seen[id] = true;
        return id;
    }

    /// <summary>Returns the likeliest token.</summary>
    private int Penalise(ReadOnlySpan<float> logits)
    {
        float penalty = (float)_options.RepetitionPenalty;
        int best = 0;
        for (int i = 0; i < _logits.Length; i++)
        {
            float x = logits[i];
            if (_seen[i] && penalty != 1)
                x = x > 0 ? x / penalty : x * penalty;
            _logits[i] = x;
            if (float.IsNaN(x))
                throw new FedSpineException($"the model's logits are not finite (token {i})");
            best = x > _logits[best] ? i : best;
        }

        return float.IsFinite(_logits[best]) ? best : throw new FedSpineException($"the model's logits are not finite (token {best})");
    }

    private int Draw(int best)
    {
        double max = _logits[best], total = 0;
        for (int i = 0; i < _weights.Length; i++)
        {
            // Divided after the subtraction: a temperature near 0 must not overflow both terms.
            _weights[i] = Math.Exp((_logits[i] - max) / _options.Temperature);
            total += _weights[i];
        }

        if (_options.TopK is > 0 and var k && k < _weights.Length)
        {
            int count = Math.Min(k, Candidates(k, double.PositiveInfinity));
            return DrawSorted(count, _options.TopP < 1 ? Sum(count) : double.PositiveInfinity);
        }

        if (_options.TopP < 1)
            return DrawSorted(Candidates(int.MaxValue, _options.TopP * total), total);
        return DrawUnsorted();
    }

    /// <summary>
    /// Sorts the likeliest tokens into the order, down to a depth at which there are <paramref name="count"/> of them or they weigh
    /// <paramref name="weight"/>; returns how many.
    /// </summary>
    private int Candidates(int count, double weight)
    {
        for (double depth = FirstDepth; ; depth *= depth)
        {
            int found = 0;
            double sum = 0;
            for (int i = 0; i < _weights.Length; i++)
            {
                if (_weights[i] < depth)
                    continue;
                _order[found++] = Key(_logits[i], i);
                sum += _weights[i];
            }

            if (found < count && sum < weight && depth > 0)
                continue;
            Array.Sort(_order, 0, found);
            return found;
        }
    }

    /// <summary>Of the first so many in order: cut at the sum of top-p and at min-p, and draw.</summary>
    /// <param name="total">Weight that top-p is a share of; infinite: no top-p.</param>
    private int DrawSorted(int count, double total)
    {
        double sum = 0, enough = double.IsFinite(total) ? _options.TopP * total : double.PositiveInfinity;
        int kept = 0;
        while (kept < count && sum < enough && (kept == 0 || Weight(kept) >= _options.MinP))
            sum += Weight(kept++);
        double at = _random.NextDouble() * sum;
        for (int i = 0; i < kept - 1; i++)
        {
            at -= Weight(i);
            if (at < 0)
                return Id(i);
        }

        return Id(kept - 1);
    }

    private int DrawUnsorted()
    {
        double sum = 0;
        foreach (double weight in _weights)
            sum += weight >= _options.MinP ? weight : 0;
        double at = _random.NextDouble() * sum;
        int last = 0;
        for (int i = 0; i < _weights.Length; i++)
        {
            if (_weights[i] < _options.MinP || _weights[i] == 0)
                continue;
            at -= _weights[last = i];
            if (at < 0)
                break;
        }

        return last;
    }

    private double Sum(int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
            sum += Weight(i);
        return sum;
    }

    private double Weight(int place) => _weights[Id(place)];

    private int Id(int place) => (int)(uint)_order[place];

    /// <summary>Ascending keys are descending logits, equal ones by id.</summary>
    private static ulong Key(float logit, int id)
    {
        uint bits = BitConverter.SingleToUInt32Bits(logit + 0f); // -0 becomes 0
        uint ascending = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
        return (ulong)~ascending << 32 | (uint)id;
    }
}
