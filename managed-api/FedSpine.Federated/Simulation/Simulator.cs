using System.Diagnostics;
using FedSpine.Engine;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Federated.Simulation;

/// <summary>
/// Federates a model over a virtual fleet: real training, virtual time. Beside the pruned federation runs the same one
/// without pruning, for comparison. The same options give the same rounds, bit for bit, for any number of threads and however often
/// the run was interrupted, on one kind of device.
/// </summary>
public static class Simulator
{
    /// <param name="options">Ignored when resuming: the run folder's own count.</param>
    /// <param name="folder">Run folder: new, or with <paramref name="resume"/> one that an interrupted run left.</param>
    /// <exception cref="InputException">Impossible options or unusable input.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; everything up to the last complete round is in the folder's checkpoint.</exception>
    public static RunSummary Run(SimulationOptions options, string folder, bool resume, SimulationCompute compute, ISimulationProgress progress, CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        var run = new RunFolder(folder);
        if (resume)
            options = SimulationConfig.Read(run.Config);
        options.Validate();
        options = Method.Complete(options) with { Device = compute.Device };

        progress.Phase("loading", options.Rounds);
        using var host = compute.Accelerator is null ? HostBackend.Create(compute.Threads) : null;
        var backend = compute.Accelerator ?? host!;
        using var task = TaskLoader.Load(options, backend);
        var setup = CreateSetup(options, task);
        if (options.CalibrateLogits!.Value && setup.CalibratedBias is null)
            progress.Note("logits are not calibrated: this model's head has no bias to do it through");
        using var workers = new Workers(compute);
        var pruned = CreateFederation(setup, options.Policy!, Method.TargetOf(options), compute.Threads);
        var reference = options.Reference ? CreateFederation(setup, "fixed", targetRatio: 0, compute.Threads) : null;

        RunState state;
        RunFolderWriter writer;
        if (resume && SimulationCheckpoint.Exists(run))
        {
            state = SimulationCheckpoint.Restore(run, pruned, reference);
            writer = RunFolderWriter.Resume(folder, state.Round);
            progress.Note($"continuing after round {state.Round}");
        }
        else
        {
            // Stopped before its first checkpoint, a run begins again.
            writer = resume ? RunFolderWriter.Resume(folder, 0) : RunFolderWriter.Create(folder, options);
            progress.Phase("base evaluation", options.Rounds);
            state = new RunState { Base = Assessment.Evaluate(pruned, int.MaxValue, workers, cancel)[0] };
            SimulationCheckpoint.Save(run, state, pruned, reference);
        }

        double earlier = state.WallSeconds;
        progress.Phase("federating", options.Rounds);
        while (state.Round < options.Rounds)
        {
            var record = RunRound(state, pruned, reference, workers, progress, cancel);
            state.WallSeconds = earlier + Stopwatch.GetElapsedTime(started).TotalSeconds;
            writer.AppendRound(record);
            SimulationCheckpoint.Save(run, state, pruned, reference);
            progress.RoundFinished(record);
        }

        progress.Phase("final evaluation", options.Rounds);
        var outcome = new RunOutcome(
            pruned, reference, state,
            Assessment.Evaluate(pruned, int.MaxValue, workers, cancel),
            reference is null ? null : Assessment.Evaluate(reference, int.MaxValue, workers, cancel)[0],
            Assessment.InferenceTimeRatio(pruned, backend, cancel),
            pruned.Devices.GroupBy(d => d.Ratio > 0 ? d.Device : -1 - d.Rank).Sum(g => g.Count() * (double)Assessment.TrainingBytes(pruned, g.First(), backend)) / options.Devices,
            Assessment.TrainingBytes(pruned, pruned.WholeDevice(), backend));
        progress.Phase("writing", options.Rounds);
        ModelExport.Write(run, pruned, task, backend);
        var summary = outcome.Summarise(earlier + Stopwatch.GetElapsedTime(started).TotalSeconds);
        writer.Finish(summary, outcome.DeviceRecords());
        return summary;
    }

    private static RoundRecord RunRound(RunState state, Federation pruned, Federation? reference, Workers workers, ISimulationProgress progress,
        CancellationToken cancel)
    {
        var options = pruned.Setup.Options;
        int round = state.Round + 1;
        long roundStarted = Stopwatch.GetTimestamp();
        var tasks = pruned.Plan(round);
        var referenceTasks = reference?.Plan(round) ?? [];
        int finished = 0;
        var results = workers.Run([.. tasks, .. referenceTasks], (task, backend) => LocalRound.Run(task, backend, cancel), cancel,
            () => progress.DeviceFinished(round, ++finished, tasks.Count + referenceTasks.Count));
        var record = pruned.Finish(round, tasks, results[..tasks.Count]);
        reference?.Finish(round, referenceTasks, results[tasks.Count..]);

        if (round % options.EvaluateEvery == 0 || round == options.Rounds)
        {
            bool language = options.Task == TaskKind.CausalLm;
            var evaluations = Assessment.Evaluate(pruned, options.EvaluateExamples, workers, cancel);
            record = record with
            {
                Accuracy = language ? null : evaluations.Average(e => e.Accuracy),
                Perplexity = language ? evaluations.Average(e => e.Perplexity) : null,
                TestLoss = evaluations.Average(e => e.Loss),
            };
            state.Curve.Add(new CurvePoint(round, pruned.VirtualSeconds, language ? record.Perplexity!.Value : record.Accuracy!.Value));
            if (reference is not null)
            {
                var evaluation = Assessment.Evaluate(reference, options.EvaluateExamples, workers, cancel)[0];
                state.ReferenceCurve.Add(new CurvePoint(round, reference.VirtualSeconds, language ? evaluation.Perplexity : evaluation.Accuracy));
            }
        }

        // Only now: a cancelled round leaves nothing behind.
        state.Round = round;
        return record with { WallSeconds = Stopwatch.GetElapsedTime(roundStarted).TotalSeconds };
    }

    private static FederationSetup CreateSetup(SimulationOptions options, LoadedTask task)
    {
        var data = task.Data;
        bool hasDomains = data.Domains.Count > 1;
        string partition = options.Partition ?? (hasDomains ? "domains" : data.Task == TaskKind.Classification ? "dirichlet:1" : "iid");
        var shares = Partition.Split(partition, options.Devices, data.Train.Count,
            data.Task == TaskKind.Classification ? [.. data.Train.Select(e => e.Label)] : null,
            data.Domains.Count > 0 ? [.. data.Train.Select(e => e.Domain)] : null, options.Seed);
        PruningRatio.RequireReachable("--target-sparsity", Method.TargetOf(options), task.Model.Spec);
        return new FederationSetup(options with { Partition = partition }, task.Model, data, shares, Fleet.Create(options.Fleet, options.Devices, options.Seed),
            new ParticipantSampler(options.Devices, options.Participation, options.Seed), SimulationValidation.ParseTargets(options.Targets));
    }

    private static Federation CreateFederation(FederationSetup setup, string policy, double targetRatio, int threads)
    {
        var options = setup.Options;
        var space = new PolicySpace(targetRatio, PruningRatio.Step(setup.Base.Spec), options.LowestRank, options.Rank, options.Devices, options.Rounds);
        return new Federation(setup, PolicyFactory.Create(policy, space, (device, arm) => -ExpectedSeconds(setup, device, arm),
            options.ShareStatistics ? setup.Fleet.Classes : null, SimulationValidation.ParseWeights(options.RewardWeights)),
            AggregatorFactory.Create(options.Aggregation!, threads), targetRatio);
    }

    /// <summary>What only a simulation knows, for the oracle policy: a round's time under mean conditions.</summary>
    private static double ExpectedSeconds(FederationSetup setup, int device, Arm arm)
    {
        var conditions = setup.Fleet.MeanConditions(device);
        long prunable = PruningRatio.Count(setup.Base.Spec, setup.Base.Spec.Layers);
        double flops = 4.0 * prunable * (1 - arm.Ratio) * setup.Options.Batch * setup.Data.MaxLength * setup.Options.LocalSteps;
        long bytes = setup.Shapes([.. setup.Base.Spec.Layers.Select(KeptGroups.All)]).Sum(s => 4L * arm.Rank * (s.BaseRows + s.BaseColumns));
        return conditions.ComputeSeconds(flops) + 2 * conditions.TransferSeconds(bytes);
    }
}
