namespace FedSpine.Engine.Training;

/// <summary>What a training step did.</summary>
/// <param name="Loss">Mean cross-entropy over <paramref name="Count"/> targets, before the update.</param>
/// <param name="Count">Examples (classification) or positions with a target, of all micro-batches.</param>
/// <param name="GradientNorm">Global L2 norm before clipping.</param>
/// <param name="LearningRate">The step's rate.</param>
/// <param name="Applied">False: the step was void (loss or gradient not finite, or no target), nothing changed.</param>
/// <param name="Flops">Floating-point operations of the step, observers not counted.</param>
public readonly record struct StepResult(double Loss, int Count, float GradientNorm, float LearningRate, bool Applied, long Flops);

/// <summary>Sums over evaluated batches; add them up, then read the means.</summary>
/// <param name="LossSum">Sum of cross-entropies, natural logarithm.</param>
/// <param name="Count">Examples (classification) or positions with a target.</param>
/// <param name="Correct">How many of them the largest logit predicts.</param>
public readonly record struct EvaluationResult(double LossSum, int Count, int Correct)
{
    public double Loss => LossSum / Count;

    public double Accuracy => (double)Correct / Count;

    public double Perplexity => Math.Exp(Loss);

    public static EvaluationResult operator +(EvaluationResult x, EvaluationResult y) =>
        new(x.LossSum + y.LossSum, x.Count + y.Count, x.Correct + y.Correct);
}
