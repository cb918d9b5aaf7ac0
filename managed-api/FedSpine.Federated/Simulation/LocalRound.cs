using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Federated.Aggregation;
using FedSpine.Federated.Methods;
using FedSpine.Kernels;

namespace FedSpine.Federated.Simulation;

/// <summary>What the coordinator sends a participant.</summary>
internal sealed record LocalTask(Federation Federation, DeviceState Device, Policies.Arm Arm, int Round);

/// <summary>What a participant returns, and what the virtual clock made of it.</summary>
internal sealed record LocalResult
{
    public required AdapterState State { get; init; }
    public required IReadOnlyList<KeptGroups> Kept { get; init; }
    public required IReadOnlyList<LayerScores>? Scores { get; init; }
    public required bool Scored { get; init; }
    public required double RatioReached { get; init; }
    public required double LossBefore { get; init; }
    public required double LossAfter { get; init; }
    public required double AdapterNorm { get; init; }
    public required int Examples { get; init; }
    public required long Flops { get; init; }
    public required double ComputeSeconds { get; init; }
    public required double DownloadSeconds { get; init; }
    public required double UploadSeconds { get; init; }
    public required long BytesDown { get; init; }
    public required long BytesUp { get; init; }
    public required long Parameters { get; init; }
    public required int VoidSteps { get; init; }
    public required long TrainingBytes { get; init; }

    public double Seconds => ComputeSeconds + DownloadSeconds + UploadSeconds;
}

/// <summary>
/// A participant's round: cut the base, load the adapter, tune, and between the steps score, prune, tune on. Real training;
/// only time is virtual.
/// </summary>
internal static class LocalRound
{
    private const ulong DataStream = 0xDA7A;
    private const ulong CriterionStream = 0xC417;

    /// <summary>Examples on which a device measures its loss before and after.</summary>
    private const int LossExamples = 64;

    /// <summary>Steps over which a round's learning rate rises: the optimizer starts anew every round.</summary>
    private const int WarmupSteps = 4;

    public static LocalResult Run(LocalTask task, IComputeBackend backend, CancellationToken cancel)
    {
        var (federation, device, arm) = (task.Federation, task.Device, task.Arm);
        var setup = federation.Setup;
        var options = setup.Options;
        var minibatches = new Minibatches(device.Examples, options.Batch, options.Seed, DataStream, (ulong)task.Round, (ulong)device.Device);
        int maxB = Math.Min(options.Batch, device.Examples.Length);
        var batch = new Batch(maxB, setup.Data.MaxLength);
        var training = Training(options, task.Round);
        // At once means: as soon as the first batches are scored, while the learning rate still rises.
        var schedule = options.Schedule == PruningSchedule.OneShot
            ? new CubicSchedule(device.Ratio, arm.Ratio, events: 1, Math.Min(WarmupSteps, options.LocalSteps))
            : CubicSchedule.Within(options.LocalSteps, device.Ratio, arm.Ratio, options.PruneInterval);

        var download = federation.DownloadFor(device, arm.Rank);
        var calibration = setup.CalibrationOf(device.Examples);
        var model = DeviceModel.Create(setup, backend, device.Kept, arm.Rank,
            calibration is null ? download : download with { Adapter = calibration.Add(download.Adapter) });
        Trainer? trainer = null;
        ImportanceScorer? scorer = null;
        try
        {
            trainer = new Trainer(model, training, maxB, setup.Data.MaxLength);
            if (arm.Ratio > device.Ratio)
                scorer = CreateScorer(task, model);
            double ProbeLoss(Trainer trainer) => Evaluation.Run(b => trainer.Evaluate(b), setup.Data, setup.Data.Train,
                device.Examples.AsSpan(0, Math.Min(LossExamples, device.Examples.Length)), batch, cancel).Loss;
            long flops = 0, bytes = 0;
            double lossBefore = ProbeLoss(trainer);
            int voidSteps = 0;
            for (int step = 1; step <= options.LocalSteps; step++)
            {
                cancel.ThrowIfCancellationRequested();
                setup.Data.Fill(batch, setup.Data.Train, minibatches.Next());
                var result = trainer.Step(batch, scorer);
                flops += result.Flops;
                bytes = Math.Max(bytes, model.Bytes + trainer.ActivationBytes);
                voidSteps += result.Applied ? 0 : 1;
                if (schedule.DueAfter(step) is not { } ratio)
                    continue;

                var keep = GlobalRanking.Select(model, scorer!.Costs(SharedImportance.Blend(scorer.Scores(), federation.Importance, model.Kept)), ratio);
                var pruned = ModelSurgery.Prune(model, keep);
                scorer.Follow(pruned);
                var (stepIndex, momentSteps) = (trainer.StepIndex, trainer.MomentSteps);
                trainer.Dispose();
                model.Dispose();
                model = pruned;
                trainer = new Trainer(model, training, maxB, setup.Data.MaxLength) { StepIndex = stepIndex, MomentSteps = momentSteps };
            }

            double lossAfter = ProbeLoss(trainer);
            var state = AdapterTransfer.Extract(model);
            state = calibration?.Remove(state) ?? state;
            var conditions = setup.Fleet.Conditions(device.Device, task.Round);
            // A device that has not scored in this round returns no scores.
            bool shares = options.ShareImportance!.Value && scorer is not null;
            long counts = calibration?.Bytes ?? 0;
            long down = download.Bytes + counts + (shares && federation.Importance is not null ? SharedImportance.Bytes(device.Kept) : 0);
            long up = state.Bytes + counts + (shares ? SharedImportance.Bytes(model.Kept) : 0);
            return new LocalResult
            {
                State = state,
                Kept = model.Kept,
                Scores = scorer?.Scores() ?? device.Scores,
                Scored = scorer is not null,
                RatioReached = PruningRatio.Of(model),
                LossBefore = lossBefore,
                LossAfter = lossAfter,
                AdapterNorm = AdapterNorm.Frobenius(state),
                Examples = device.Examples.Length,
                Flops = flops,
                ComputeSeconds = conditions.ComputeSeconds(flops),
                DownloadSeconds = conditions.TransferSeconds(down),
                UploadSeconds = conditions.TransferSeconds(up),
                BytesDown = down,
                BytesUp = up,
                Parameters = model.ParameterCount,
                VoidSteps = voidSteps,
                TrainingBytes = bytes,
            };
        }
        finally
        {
            scorer?.Dispose();
            trainer?.Dispose();
            model.Dispose();
        }
    }

    /// <summary>Continues from the device's scores; a device that has none yet starts afresh.</summary>
    private static ImportanceScorer CreateScorer(LocalTask task, Model model)
    {
        var options = task.Federation.Setup.Options;
        ulong seed = new DeterministicRandom(options.Seed, CriterionStream, (ulong)task.Round, (ulong)task.Device.Device).NextUInt64();
        var scorer = new ImportanceScorer(ImportanceCriteria.Create(options.Criterion!, seed), model, (float)options.Smoothing);
        if (task.Device.Scores is { } scores)
            scorer.Restore(scores);
        return scorer;
    }

    /// <summary>The learning rate falls linearly over the whole run, to a tenth; within a round it is warmed up, then constant.</summary>
    private static TrainingOptions Training(SimulationOptions options, int round)
    {
        double progress = options.Rounds == 1 ? 0 : (round - 1.0) / (options.Rounds - 1);
        return new TrainingOptions
        {
            LearningRate = (float)(options.Rate * (1 - 0.9 * progress)),
            WarmupSteps = Math.Min(WarmupSteps, options.LocalSteps / 2),
            TotalSteps = 0,
        };
    }
}
