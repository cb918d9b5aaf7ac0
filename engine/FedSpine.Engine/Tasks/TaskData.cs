using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tasks;

/// <summary>One tokenized example.</summary>
/// <param name="Ids">Token ids with the model's special tokens.</param>
/// <param name="Types">Token types, as long as Ids.</param>
/// <param name="Label">Class id; -1 for language models.</param>
/// <param name="Domain">Domain id; -1 when the data has none.</param>
/// <param name="PromptLength">Language models: leading tokens that are read but not learned (a prompt); 0 or 1 for plain text.</param>
public sealed record TaskExample(int[] Ids, int[] Types, int Label, int Domain, int PromptLength = 0);

/// <summary>Tokenized examples to train and to test on.</summary>
/// <param name="PadId">Fills rows up to the longest of a batch.</param>
/// <param name="Labels">Class names in id order; empty for language models.</param>
/// <param name="Domains">Domain names in id order; empty where the data has none.</param>
public sealed record TaskData(
    TaskKind Task, int PadId, IReadOnlyList<TaskExample> Train, IReadOnlyList<TaskExample> Test, IReadOnlyList<string> Labels, IReadOnlyList<string> Domains)
{
    /// <summary>Tokens of the longest example.</summary>
    public int MaxLength { get; } = Train.Concat(Test).Max(e => e.Ids.Length);

    /// <summary>Fills <paramref name="batch"/> with the given examples, padded to the longest of them.</summary>
    public void Fill(Batch batch, IReadOnlyList<TaskExample> examples, ReadOnlySpan<int> chosen)
    {
        var rows = new int[chosen.Length][];
        for (int b = 0; b < rows.Length; b++)
            rows[b] = examples[chosen[b]].Ids;
        if (Task == TaskKind.CausalLm)
        {
            BatchBuilder.CausalLm(batch, rows, PadId);
            // Position t predicts token t + 1: the prompt's last token predicts the answer's first.
            for (int b = 0; b < rows.Length; b++)
                batch.Targets.AsSpan(b * batch.T, Math.Min(batch.Lengths[b], Math.Max(0, examples[chosen[b]].PromptLength - 1))).Fill(Batch.Ignore);
            return;
        }

        var labels = new int[chosen.Length];
        var types = new int[chosen.Length][];
        for (int b = 0; b < rows.Length; b++)
            (labels[b], types[b]) = (examples[chosen[b]].Label, examples[chosen[b]].Types);
        BatchBuilder.Classification(batch, rows, labels, PadId, types);
    }
}
