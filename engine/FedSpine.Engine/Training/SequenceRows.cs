using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Training;

/// <summary>
/// Where the sequences of a batch lie in the R rows that a pass computes: one after the other, with no rows of padding. Neighbours of
/// one length make up a run, which operators on (B, T, ...) take at once. Reused from batch to batch.
/// </summary>
public sealed class SequenceRows
{
    private readonly Run[] _runs;
    private int _count;

    internal SequenceRows(int maxB) => _runs = new Run[maxB];

    /// <summary>Sequences [Sequence, Sequence + Sequences) of Length rows each, from row Row on.</summary>
    public readonly record struct Run(int Sequence, int Sequences, int Row, int Length);

    /// <summary>B.</summary>
    public int Sequences { get; private set; }

    /// <summary>R.</summary>
    public int Rows { get; private set; }

    /// <summary>(B) tokens that count; fewer than the run's rows only where rows of padding are asked for, or a sequence is empty.</summary>
    public DeviceSpan<int> Lengths { get; internal set; }

    public ReadOnlySpan<Run> Runs => _runs.AsSpan(0, _count);

    /// <summary>Sequences padded to T rows each: one run.</summary>
    public static SequenceRows Padded(DeviceSpan<int> lengths, int T)
    {
        var rows = new SequenceRows(1) { Lengths = lengths };
        rows.Add(lengths.Length, T);
        return rows;
    }

    /// <summary>The run's rows of x (R, C).</summary>
    public DeviceSpan<float> Of(in Run run, DeviceSpan<float> x)
    {
        int C = Rows == 0 ? 0 : x.Length / Rows;
        return x.Slice(run.Row * C, run.Sequences * run.Length * C);
    }

    public DeviceSpan<int> LengthsOf(in Run run) => Lengths.Slice(run.Sequence, run.Sequences);

    /// <summary>Lays the batch out anew: each sequence as long as it is (an empty one has a row all the same), or padded.</summary>
    internal void Set(Batch batch, bool padded)
    {
        (_count, Sequences, Rows) = (0, 0, 0);
        for (int b = 0, same; b < batch.B; b += same)
        {
            int length = padded ? batch.T : RowsOf(batch, b);
            for (same = 1; b + same < batch.B && (padded || RowsOf(batch, b + same) == length);)
                same++;
            Add(same, length);
        }
    }

    /// <summary>One row of each sequence.</summary>
    internal void SetSingle(int sequences)
    {
        (_count, Sequences, Rows) = (0, 0, 0);
        Add(sequences, 1);
    }

    internal static int RowsOf(Batch batch, int b) => Math.Max(1, batch.Lengths[b]);

    private void Add(int sequences, int length)
    {
        _runs[_count++] = new Run(Sequences, sequences, Rows, length);
        Sequences += sequences;
        Rows += sequences * length;
    }
}
