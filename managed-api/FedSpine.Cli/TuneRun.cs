using System.Diagnostics;
using System.Text.Json.Nodes;
using FedSpine.Cli.Display;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Engine.Tuning;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary>One run of <c>finetune</c> or <c>prune</c>, from the files to the files.</summary>
internal sealed class TuneRun(TuneJob job, TuneFolder folder, bool pruning, Func<IComputeBackend> openDevice)
{
    /// <param name="resume">Go on from the folder's checkpoint; without one, from the start.</param>
    /// <returns>The summary.</returns>
    public JsonObject Execute(IStepDisplay display, bool resume, CancellationToken cancel)
    {
        using var backend = openDevice();
        var task = TaskOf(job.Model!, job.Adapter, job.Task);
        bool blind = job.Data is null;
        if (blind && !(pruning && job.OneShot > 0))
            throw new InputException("--data is missing: give the text to tune on");
        if (job.Memory is { } budget)
            RequireRoomForWeights(budget);
        var records = blind ? null : TaskRecords.Read(task, job.Data!, job.EvalData, job.Columns, job.Seed);
        using var model = LanguageModel.Load(job.Model!, new LoadOptions
        {
            Head = task == TaskKind.CausalLm ? ModelHead.CausalLm : ModelHead.SequenceClassification,
            Labels = records?.Labels,
            Adapter = job.Adapter,
            BaseType = job.Base,
            Lora = job.Adapter is not null || job.AllWeights || blind ? null : job.Lora,
            Trainable = blind ? Trainable.None : job.AllWeights ? Trainable.All : Trainable.Adapter,
            Seed = job.Seed,
        }, backend);
        var data = records is null ? null : model.Encode(records, job.Length, job.Seed);
        if (blind && ImportanceCriteria.Create(job.Criterion, job.Seed).NeedsSteps)
            throw new InputException($"--data is missing: the criterion {job.Criterion} needs text to score on (magnitude and random do not)");
        PruningRatio.RequireReachable("--ratio", job.Ratio, model.Model.Spec with { Layers = model.Model.BaseLayers });
        Describe(display, model, data);
        if (!resume)
            folder.Begin(job);

        long started = Stopwatch.GetTimestamp();
        var progress = new TuneDisplay(display, task);
        long before = model.Model.ParameterCount;
        double ratioBefore = PruningRatio.Of(model.Model);
        TuneResult? result = null;
        EvaluationResult? first = null, last = null;
        if (job.OneShot > 0)
        {
            first = data is null ? null : model.Evaluate(data, cancel);
            model.Prune(job.Ratio, data, job.Criterion, job.OneShot, job.Seed, job.Recompute, job.Memory, progress, cancel);
            last = data is null ? null : model.Evaluate(data, cancel);
        }
        else
        {
            result = model.Tune(data!, job.Tuning, progress, folder.Checkpoint, resume && folder.CheckpointStep() is not null, cancel);
            (first, last) = (result.Points[0].Test, result.Final);
        }

        bool adapterOnly = !pruning && !job.AllWeights;
        if (adapterOnly)
            model.SaveAdapter(folder.Path);
        else
            model.Save(folder.Path);
        var summary = Summary(task, model.Model, before, ratioBefore, first, last, result, Stopwatch.GetElapsedTime(started).TotalSeconds);
        var points = result?.Points ?? [];
        folder.Finish(task, points, TuneReport.Render(job, pruning, task, points, summary, model.Model), summary);
        return summary;
    }

    /// <summary>What a model is for: what was asked, or what its adapter or head says; a decoder without one is a language model.</summary>
    public static TaskKind TaskOf(string path, string? adapter, TaskKind? asked)
    {
        if (asked is { } task)
            return task;
        if (adapter is not null && AdapterLabels.Read(adapter) is not null)
            return TaskKind.Classification;
        if (!Directory.Exists(path))
            return TaskKind.CausalLm; // a GGUF file; a path that does not exist fails when it is loaded
        return ModelConfigReader.Read(path).Spec is { IsDecoder: true, Head: not ModelHead.SequenceClassification } ? TaskKind.CausalLm : TaskKind.Classification;
    }

    /// <summary>Before the weights are loaded: what is larger than the budget by itself is refused at once.</summary>
    /// <exception cref="InputException">The weights and the process alone exceed the budget.</exception>
    private void RequireRoomForWeights(long budget)
    {
        long weights = StepCost.Inference(ModelSource.ReadConfig(job.Model!).Spec, null, 1, 1, job.Base).ModelBytes;
        if (weights + MemoryPlan.ProcessBytes > budget)
            throw new InputException($"--memory {ByteSize.Format(budget)}: the weights alone take {ByteSize.Format(weights)}, the process {ByteSize.Format(MemoryPlan.ProcessBytes)}{(job.Base == WeightType.Q8_0 || job.AllWeights ? "" : "; --base bf16 or q8_0 keeps them smaller")}");
    }

    private static void Describe(IStepDisplay display, LanguageModel model, TaskData? data)
    {
        if (data is not null)
            display.Note($"{Units.Count(data.Train.Count)} training and {Units.Count(data.Test.Count)} test examples, at most {data.MaxLength} tokens each");
        var m = model.Model;
        string trainable = m.Trainable == Trainable.None ? "" : $", {Units.Count(m.Parameters.Where(p => p.Trainable).Sum(p => (long)p.Length))} trainable";
        display.Note($"{m.Spec.Summary}, {Units.Count(m.ParameterCount)} weights{trainable}, {Units.Bytes(m.Bytes)} in memory{(m.BaseType == WeightType.F32 ? "" : $" with a base of {m.BaseType.Label()}")}");
        if (model.Initialised.Count > 0)
            display.Note($"new, not in the checkpoint: {string.Join(", ", model.Initialised)}");
    }

    private JsonObject Summary(TaskKind task, Model model, long before, double ratioBefore, EvaluationResult? first, EvaluationResult? last, TuneResult? result, double seconds)
    {
        bool classification = task == TaskKind.Classification;
        string quality = classification ? "accuracy" : "perplexity";
        double? Of(EvaluationResult? r) => r is { } e ? Json.Finite(classification ? e.Accuracy : e.Perplexity) : null;
        return new JsonObject
        {
            ["folder"] = System.IO.Path.GetFullPath(folder.Path),
            ["model"] = job.Model,
            ["task"] = classification ? "classification" : "causal-lm",
            ["steps"] = result?.Steps ?? 0,
            ["keptStep"] = result?.KeptStep ?? 0,
            ["voidSteps"] = result?.VoidSteps ?? 0,
            ["loss"] = last is { } l ? Json.Finite(l.Loss) : null,
            [quality] = Of(last),
            ["lossBefore"] = first is { } f ? Json.Finite(f.Loss) : null,
            [quality + "Before"] = Of(first),
            ["ratioBefore"] = ratioBefore,
            ["ratio"] = PruningRatio.Of(model),
            ["parametersBefore"] = before,
            ["parametersAfter"] = model.ParameterCount,
            ["trainedParameters"] = model.Parameters.Where(p => p.Trainable).Sum(p => (long)p.Length),
            ["flops"] = result?.Flops ?? 0,
            ["wallSeconds"] = result?.Seconds ?? seconds,
            ["peakRssBytes"] = Process.GetCurrentProcess().PeakWorkingSet64,
            ["device"] = job.Device,
            ["base"] = model.BaseType.Label(),
            ["modelBytes"] = model.Bytes,
            ["seed"] = job.Seed,
        };
    }
}
