using System.Diagnostics;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Simulation;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Comparison;

/// <summary>
/// How long cells will take, from a few steps of each data set's unpruned model timed on one thread or the accelerator. A guess within a factor of
/// about one and a half: other work on the machine, and what pruning spares, are not known beforehand.
/// </summary>
public sealed class CellCost(SimulationCompute compute)
{
    private const int Steps = 3, EvaluationBatch = 32;

    private readonly Dictionary<SimulationOptions, (double Step, double Evaluation, int Test)> _measured = [];

    private readonly int _threads = compute.Accelerator is not null ? 1 : compute.Threads == 0 ? Environment.ProcessorCount : compute.Threads;

    /// <summary>Seconds of a whole cell.</summary>
    public double Seconds(SimulationOptions options)
    {
        var key = new SimulationOptions
        {
            Model = options.Model, Data = options.Data, EvalData = options.EvalData, Task = options.Task, DataFormat = options.DataFormat, Encoding = options.Encoding,
            TextColumn = options.TextColumn, PairColumn = options.PairColumn, LabelColumn = options.LabelColumn, DomainColumn = options.DomainColumn,
            Length = options.Length, Batch = options.Batch, Targets = options.Targets,
        };
        if (!_measured.TryGetValue(key, out var cost))
            _measured.Add(key, cost = Measure(key));
        int participants = Math.Clamp((int)Math.Round(options.Devices * options.Participation), 1, options.Devices);
        double target = Method.TargetOf(options);
        // Half of the way down a ramp a bit over half of the target is gone; a cut at once is there from the first round.
        double during = 1 - target * (options.Schedule == PruningSchedule.OneShot ? 0.95 : 0.6);
        double devices = target > 0 ? options.Devices : 1;
        double batches = Math.Ceiling((double)Math.Min(options.EvaluateExamples, cost.Test) / EvaluationBatch), all = Math.Ceiling((double)cost.Test / EvaluationBatch);
        double evaluations = options.Rounds / options.EvaluateEvery * batches * devices * during + all * (1 + devices * (1 - target));
        double steps = (double)options.Rounds * options.LocalSteps * participants * during;
        return (steps * cost.Step / Math.Min(_threads, participants)) + (evaluations * cost.Evaluation / Math.Min(_threads, devices));
    }

    private (double Step, double Evaluation, int Test) Measure(SimulationOptions options)
    {
        using var host = compute.Accelerator is null ? HostBackend.Create(1) : null;
        var backend = compute.Accelerator ?? host!;
        using var task = TaskLoader.Load(options, backend);
        var kept = task.Model.Spec.Layers.Select(KeptGroups.All).ToArray();
        using var model = ModelSurgery.Cut(task.Model, kept, Trainable.Adapter,
            new LoraSpec(options.Rank, (float)options.Alpha, SimulationValidation.ParseTargets(options.Targets)), backend);
        int length = task.Data.MaxLength, B = Math.Min(options.Batch, task.Data.Train.Count);
        using var trainer = new Trainer(model, new TrainingOptions { LearningRate = 1e-4f }, B, length);
        using var inference = new Inference(model, EvaluationBatch, length);
        var (training, test) = (new Batch(B, length), new Batch(EvaluationBatch, length));
        task.Data.Fill(test, task.Data.Test, [.. Enumerable.Range(0, EvaluationBatch).Select(i => i % task.Data.Test.Count)]);
        double step = 0, evaluation = 0;
        for (int i = -1; i < Steps; i++) // one to warm up
        {
            task.Data.Fill(training, task.Data.Train, [.. Enumerable.Range((i + 1) * B, B).Select(e => e % task.Data.Train.Count)]);
            double s = Time(() => trainer.Step(training)), e = Time(() => inference.Evaluate(test));
            if (i >= 0)
                (step, evaluation) = (step + s / Steps, evaluation + e / Steps);
        }

        return (step, evaluation, task.Data.Test.Count);
    }

    private static double Time(Action work)
    {
        long started = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
