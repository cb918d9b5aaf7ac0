using FedSpine.Engine.Training;

namespace FedSpine.Federated.Simulation;

/// <summary>Sums of the loss over sets of examples.</summary>
internal static class Evaluation
{
    /// <summary>Runs the chosen examples in order, without gradients.</summary>
    /// <param name="evaluate">A trainer's or an inference's.</param>
    public static EvaluationResult Run(Func<Batch, EvaluationResult> evaluate, TaskData data, IReadOnlyList<TaskExample> examples,
        ReadOnlySpan<int> chosen, Batch batch, CancellationToken cancel)
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
}
