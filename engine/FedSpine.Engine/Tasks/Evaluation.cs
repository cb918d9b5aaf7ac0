using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tasks;

/// <summary>Runs a model over sets of examples, without gradients.</summary>
public static class Evaluation
{
    /// <summary>Runs the chosen examples in order.</summary>
    /// <param name="evaluate">A trainer's or an inference's.</param>
    /// <param name="batch">Scratch: as many examples at a time as it holds.</param>
    public static EvaluationResult Run(Func<Batch, EvaluationResult> evaluate, TaskData data, IReadOnlyList<TaskExample> examples,
        ReadOnlySpan<int> chosen, Batch batch, CancellationToken cancel = default)
    {
        var sum = default(EvaluationResult);
        for (int start = 0; start < chosen.Length; start += batch.MaxB)
        {
            cancel.ThrowIfCancellationRequested();
            data.Fill(batch, examples, chosen[start..Math.Min(chosen.Length, start + batch.MaxB)]);
            sum += evaluate(batch);
        }

        return sum;
    }

    /// <summary>Loss and confusion of a classifier over all test examples.</summary>
    public static (EvaluationResult Result, ConfusionMatrix Confusion) Classify(Inference inference, TaskData data, int batchSize, CancellationToken cancel = default)
    {
        var confusion = new ConfusionMatrix(data.Labels.Count);
        var batch = new Batch(batchSize, data.MaxLength);
        var predictions = new int[batchSize];
        int[] all = [.. Enumerable.Range(0, data.Test.Count)];
        int next = 0;
        var result = Run(b =>
        {
            var sum = inference.Evaluate(b, predictions.AsSpan(0, b.B));
            for (int i = 0; i < b.B; i++)
                confusion.Add(data.Test[next++].Label, predictions[i]);
            return sum;
        }, data, data.Test, all, batch, cancel);
        return (result, confusion);
    }
}
