using FedSpine.Engine;
using FedSpine.Engine.Training;

namespace FedSpine.Federated.Simulation;

/// <summary>One tokenized example.</summary>
/// <param name="Ids">Token ids with the model's special tokens.</param>
/// <param name="Types">Token types, as long as Ids.</param>
/// <param name="Label">Class id; -1 for language models.</param>
/// <param name="Domain">Domain id; -1 when the data has none.</param>
public sealed record TaskExample(int[] Ids, int[] Types, int Label, int Domain);

/// <summary>What a run trains and tests on.</summary>
public sealed record TaskData(
    SimulationTask Task, int PadId, IReadOnlyList<TaskExample> Train, IReadOnlyList<TaskExample> Test, IReadOnlyList<string> Labels, IReadOnlyList<string> Domains)
{
    public int MaxLength { get; } = Train.Concat(Test).Max(e => e.Ids.Length);

    /// <summary>Fills <paramref name="batch"/> with the given examples, padded to the longest of them.</summary>
    public void Fill(Batch batch, IReadOnlyList<TaskExample> examples, ReadOnlySpan<int> chosen)
    {
        var rows = new int[chosen.Length][];
        for (int b = 0; b < rows.Length; b++)
            rows[b] = examples[chosen[b]].Ids;
        if (Task == SimulationTask.CausalLm)
        {
            BatchBuilder.CausalLm(batch, rows, PadId);
            return;
        }

        var labels = new int[chosen.Length];
        var types = new int[chosen.Length][];
        for (int b = 0; b < rows.Length; b++)
            (labels[b], types[b]) = (examples[chosen[b]].Label, examples[chosen[b]].Types);
        BatchBuilder.Classification(batch, rows, labels, PadId, types);
    }
}

/// <summary>Endless minibatches of one device's examples: shuffled, without replacement within an epoch.</summary>
internal sealed class Minibatches(int[] examples, int size, DeterministicRandom random)
{
    private readonly int[] _order = [.. examples];
    private readonly int[] _batch = new int[Math.Min(size, examples.Length)];
    private int _next = int.MaxValue;

    public ReadOnlySpan<int> Next()
    {
        for (int i = 0; i < _batch.Length; i++)
        {
            if (_next >= _order.Length)
            {
                random.Shuffle<int>(_order);
                _next = 0;
            }

            _batch[i] = _order[_next++];
        }

        return _batch;
    }
}
