using FedSpine.Engine.Models;
using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tuning;

/// <summary>How a tuning run keeps within a memory budget: what it recomputes, and in how many micro-batches a step is done.</summary>
/// <param name="Batch">Examples a micro-batch.</param>
/// <param name="Accumulate">Micro-batches a step; times <paramref name="Batch"/> the examples of a step that were asked for.</param>
/// <param name="ModelBytes">Weights, gradients and moments, and the copy of the best weights.</param>
/// <param name="WorkBytes">Activations and scratch of a step; while a model is pruned, the smaller one beside it.</param>
public sealed record MemoryPlan(Recompute Recompute, int Batch, int Accumulate, long ModelBytes, long WorkBytes)
{
    /// <summary>What a process needs besides: runtime, program, tokenizer and text, panels of the matrix products.</summary>
    public const long ProcessBytes = 96 << 20;

    /// <summary>Rows below which the matrix products slow down: a step of n rows at a time is priced at 1 + SlowRows / n of its FLOPs.</summary>
    private const double SlowRows = 16;

    private const int ShortestLength = 16;

    /// <summary>All of it: about the most that will be resident.</summary>
    public long Bytes => ModelBytes + WorkBytes + ProcessBytes;

    /// <summary>
    /// The fastest way that fits, by the FLOPs of a step: recomputing costs up to a third more of them, smaller micro-batches hardly
    /// any until their products get too small. The examples of a step, and so its mean loss, stay the same.
    /// </summary>
    /// <param name="length">Longest sequence, in tokens.</param>
    /// <param name="examples">Training examples in all.</param>
    /// <param name="options">With a budget; where they say what to recompute, only that is looked at.</param>
    /// <exception cref="InputException">Nothing fits; says what is needed and what would fit.</exception>
    public static MemoryPlan Choose(Model model, int length, int examples, TuneOptions options)
    {
        long budget = options.MemoryBytes ?? throw new ArgumentException("no budget to keep within", nameof(options));
        var plans = Candidates(model, length, examples, options);
        if (plans.FirstOrDefault(p => p.Bytes <= budget) is { } plan)
            return plan;

        var least = plans.MinBy(p => p.Bytes)!;
        int shorter = length;
        while ((shorter = shorter / 2 / 8 * 8) >= ShortestLength && Candidates(model, shorter, examples, options).All(p => p.Bytes > budget))
        {
        }

        string way = shorter >= ShortestLength ? $"; sequences of {shorter} tokens (--length {shorter}) would fit" : "";
        throw new InputException($"--memory {ByteSize.Format(budget)}: at least {ByteSize.Format(least.Bytes)} is needed ({ByteSize.Format(least.ModelBytes)} for the model, "
            + $"{ByteSize.Format(least.WorkBytes)} for {least.Batch} x {length} tokens at a time with recompute {Name(least.Recompute)}, {ByteSize.Format(ProcessBytes)} for the process){way}");
    }

    /// <summary>For people: "recompute full, 4 micro-batches of 4, about 0.61 GiB".</summary>
    public override string ToString() =>
        $"recompute {Name(Recompute)}, {(Accumulate > 1 ? $"{Accumulate} micro-batches of {Batch}" : $"batches of {Batch}")}, about {ByteSize.Format(Bytes)}";

    /// <summary>Fastest first.</summary>
    private static List<MemoryPlan> Candidates(Model model, int length, int examples, TuneOptions options)
    {
        int batch = Math.Min(options.Batch, examples);
        var modes = options.Recompute is { } mode ? [mode] : Enum.GetValues<Recompute>();
        long best = options.KeepBest ? model.TrainableValues.Bytes : 0;
        var plans = new List<(MemoryPlan Plan, double Time)>();
        foreach (int size in Enumerable.Range(1, batch).Where(n => batch % n == 0))
        {
            var forward = StepCost.Inference(model.Spec, model.Lora, size, length);
            foreach (var recompute in modes)
            {
                var cost = StepCost.Training(model.Spec, model.Trainable, model.Lora, size, length, (float)options.Dropout, recompute);
                // Evaluations use the step's memory where it is large enough, else their own beside it.
                long work = cost.ActivationBytes + (forward.ActivationBytes > cost.ActivationBytes ? forward.ActivationBytes : 0);
                if (options.Ratio > 0)
                    work = Math.Max(work, model.Bytes);
                int accumulate = options.Accumulate * (batch / size);
                plans.Add((new MemoryPlan(recompute, size, accumulate, model.Bytes + best, work), cost.Flops * (double)accumulate * (1 + SlowRows / (size * length))));
            }
        }

        return [.. plans.OrderBy(p => p.Time).ThenByDescending(p => p.Plan.Batch).Select(p => p.Plan)];
    }

    private static string Name(Recompute mode) => mode.ToString().ToLowerInvariant();
}
