using System.Diagnostics;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;

namespace FedSpine.Engine.Tuning;

/// <summary>
/// Tunes a model on one device: steps, evaluations, and where a ratio is asked for pruning events on a cubic ramp over the first
/// part of the steps (prune, tune, prune, tune), the rest being recovery. The tuner puts a smaller model in the place of the one
/// it prunes and disposes the old one; <see cref="Model"/> is always the present one, which the tuner does not dispose.
/// </summary>
public sealed class Tuner : IDisposable
{
    private const ulong OrderStream = 0x70E1;

    /// <summary>Fraction of the steps within which pruning ends.</summary>
    private const double PruningPart = 0.6;

    private readonly TaskData _data;
    private readonly TuneOptions _options;
    private readonly CubicSchedule _schedule;
    private readonly Minibatches _minibatches;
    private readonly Batch[] _batches;
    private readonly Batch _evaluationBatch;
    private readonly int[] _probe;
    private Trainer _trainer;
    private readonly ImportanceScorer? _scorer;

    /// <param name="model">With something to train: adapters or all weights.</param>
    /// <exception cref="InputException">An option is out of range, there is nothing to train, or nothing to train on, or no way to keep within the memory.</exception>
    public Tuner(Model model, TaskData data, TuneOptions options)
    {
        options.Validate();
        if (data.Train.Count == 0)
            throw new InputException("there is no training data");
        Steps = options.StepsFor(data.Train.Count);
        if (options.MemoryBytes is not null)
        {
            Memory = MemoryPlan.Choose(model, data.MaxLength, data.Train.Count, options);
            options = options with { Recompute = Memory.Recompute, Batch = Memory.Batch, Accumulate = Memory.Accumulate };
        }

        (Model, _data, _options) = (model, data, options);
        EvaluateEvery = options.EvaluateEvery ?? Math.Max(1, Steps / 10);
        int interval = Math.Min(options.PruneInterval, Math.Max(1, Steps / 2));
        _schedule = new CubicSchedule(PruningRatio.Of(model), options.Ratio, Math.Max(1, (int)(PruningPart * Steps / interval)), interval);
        _minibatches = new Minibatches([.. Enumerable.Range(0, data.Train.Count)], options.Batch, options.Seed, OrderStream);
        _batches = [.. Enumerable.Range(0, options.Accumulate).Select(_ => new Batch(_minibatches.Size, data.MaxLength))];
        _evaluationBatch = new Batch(_minibatches.Size, data.MaxLength);
        _probe = [.. Enumerable.Range(0, Math.Min(options.EvaluateExamples, data.Test.Count))];
        _trainer = CreateTrainer();
        if (_schedule.Events > 0)
            _scorer = new ImportanceScorer(ImportanceCriteria.Create(options.Criterion, options.Seed), model);
    }

    /// <summary>The present model: the one given, or what pruning has left of it.</summary>
    public Model Model { get; private set; }

    /// <summary>Optimizer steps in all.</summary>
    public int Steps { get; }

    /// <summary>Steps between two evaluations.</summary>
    public int EvaluateEvery { get; }

    /// <summary>How the run keeps within its budget; null without one.</summary>
    public MemoryPlan? Memory { get; }

    /// <summary>Pruning events in all.</summary>
    public int PruningEvents => _schedule.Events;

    internal TuneState State { get; private set; } = new();

    internal Trainer Trainer => _trainer;

    internal ImportanceScorer? Scorer => _scorer;

    /// <summary>
    /// All steps that are left. With <paramref name="checkpoint"/>, a folder, the state is saved there after every evaluation, and
    /// when <paramref name="cancel"/> stops the run.
    /// </summary>
    /// <exception cref="OperationCanceledException">Stopped between two steps; the state is saved.</exception>
    /// <exception cref="FedSpineException">The loss stayed infinite or NaN from the first step on, or the disk is full.</exception>
    public TuneResult Run(ITuneProgress? progress = null, string? checkpoint = null, CancellationToken cancel = default)
    {
        long started = Stopwatch.GetTimestamp();
        double secondsBefore = State.Seconds;
        if (Memory is not null)
            progress?.Planned(Memory);
        if (State.Points.Count == 0)
            Evaluate(progress);
        long tokens = 0;
        double stepSeconds = 0; // without evaluations
        while (State.Step < Steps)
        {
            if (cancel.IsCancellationRequested)
            {
                State.Seconds = secondsBefore + Stopwatch.GetElapsedTime(started).TotalSeconds;
                if (checkpoint is not null && State.Step > 0)
                    TuneCheckpoint.Save(checkpoint, this);
                cancel.ThrowIfCancellationRequested();
            }

            long stepStarted = Stopwatch.GetTimestamp();
            tokens += Step();
            stepSeconds += Stopwatch.GetElapsedTime(stepStarted).TotalSeconds;
            progress?.Step(State.Step, Steps, State.RunningLoss, tokens / stepSeconds);
            if (_schedule.DueAfter(State.Step) is { } ratio)
                Prune(ratio, progress);
            if (State.Step % EvaluateEvery != 0 && State.Step != Steps)
                continue;
            Evaluate(progress);
            State.Seconds = secondsBefore + Stopwatch.GetElapsedTime(started).TotalSeconds;
            if (checkpoint is not null)
                TuneCheckpoint.Save(checkpoint, this);
        }

        if (State.VoidSteps == Steps)
            throw new FedSpineException(FormattableString.Invariant($"none of the {Steps} steps had a finite loss: try a smaller --lr than {_options.LearningRate}"));
        if (_options.KeepBest && State.BestValues is { } values)
            Model.Backend.Upload<float>(Model.TrainableValues, values);
        int[] all = [.. Enumerable.Range(0, _data.Test.Count)];
        return new TuneResult
        {
            Steps = State.Step,
            VoidSteps = State.VoidSteps,
            Points = State.Points,
            KeptStep = _options.KeepBest ? State.BestStep : State.Step,
            Final = Evaluation.Run(b => _trainer.Evaluate(b), _data, _data.Test, all, _evaluationBatch, cancel),
            Ratio = PruningRatio.Of(Model),
            Flops = State.Flops,
            Seconds = secondsBefore + Stopwatch.GetElapsedTime(started).TotalSeconds,
        };
    }

    /// <summary>
    /// Prunes without tuning: importance over <paramref name="steps"/> batches of training data, whose gradients are not applied, then
    /// one removal to the ratio of the options.
    /// </summary>
    public void PruneAtOnce(int steps, ITuneProgress? progress = null, CancellationToken cancel = default)
    {
        if (_scorer is null)
            return;
        if (Memory is not null)
            progress?.Planned(Memory);
        for (int step = 1; step <= steps; step++)
        {
            cancel.ThrowIfCancellationRequested();
            Fill();
            var result = _trainer.ComputeGradients(_batches, _scorer);
            progress?.Step(step, steps, result.Loss, double.NaN);
        }

        Prune(_options.Ratio, progress);
    }

    /// <summary>Goes on where <see cref="Run"/> saved its state.</summary>
    /// <exception cref="InputException">The folder holds no checkpoint, a damaged one, or one of another run.</exception>
    public void Restore(string checkpoint) => TuneCheckpoint.Restore(checkpoint, this);

    public void Dispose()
    {
        _scorer?.Dispose();
        _trainer.Dispose();
    }

    /// <summary>Puts what <paramref name="keep"/> leaves of the present model in its place.</summary>
    internal void Cut(IReadOnlyList<KeptGroups> keep)
    {
        var (step, moments) = (_trainer.StepIndex, _trainer.MomentSteps);
        _trainer.Dispose(); // first: two models are in memory for a while, activations need not be
        var model = ModelSurgery.Prune(Model, keep);
        _scorer?.Follow(model);
        Model.Dispose();
        Model = model;
        _trainer = CreateTrainer();
        (_trainer.StepIndex, _trainer.MomentSteps) = (step, moments);
    }

    /// <summary>Goes on from a checkpoint's state; the model is already its.</summary>
    internal void Continue(TuneState state, int momentSteps)
    {
        State = state;
        _minibatches.Position = (long)state.Step * _options.Accumulate;
        (_trainer.StepIndex, _trainer.MomentSteps) = (state.Step, momentSteps);
    }

    private Trainer CreateTrainer() => new(Model, new TrainingOptions
    {
        LearningRate = (float)_options.LearningRate,
        WarmupSteps = (int)(_options.Warmup * Steps),
        TotalSteps = Steps,
        WeightDecay = (float)_options.WeightDecay,
        ClipNorm = (float)_options.ClipNorm,
        Dropout = (float)_options.Dropout,
        Recompute = _options.Recompute ?? Recompute.None,
        Seed = _options.Seed,
    }, _minibatches.Size, _data.MaxLength);

    /// <returns>Tokens seen.</returns>
    private long Step()
    {
        long tokens = Fill();
        bool scored = State.Step < _schedule.Events * _schedule.Interval;
        var result = _trainer.Step(_batches, scored ? _scorer : null);
        State.Step++;
        State.Flops += result.Flops;
        if (result.Applied)
            State.RunningLoss = double.IsNaN(State.RunningLoss) ? result.Loss : 0.95 * State.RunningLoss + 0.05 * result.Loss;
        else
            State.VoidSteps++;
        return tokens;
    }

    private long Fill()
    {
        long tokens = 0;
        foreach (var batch in _batches)
        {
            _data.Fill(batch, _data.Train, _minibatches.Next());
            tokens += batch.TokenCount;
        }

        return tokens;
    }

    private void Prune(double ratio, ITuneProgress? progress)
    {
        var keep = GlobalRanking.Select(Model, _scorer!.Costs(), ratio);
        Cut(keep);
        (State.BestValues, State.BestStep) = (null, 0); // weights of a larger model
        progress?.Pruned(State.Step, PruningRatio.Of(Model), Model.ParameterCount);
    }

    private void Evaluate(ITuneProgress? progress)
    {
        var test = Evaluation.Run(b => _trainer.Evaluate(b), _data, _data.Test, _probe, _evaluationBatch);
        var point = new TunePoint(State.Step, State.RunningLoss, test, PruningRatio.Of(Model));
        State.Points.Add(point);
        bool pruningIsOver = State.Step >= _schedule.Events * _schedule.Interval;
        bool best = pruningIsOver && (State.BestValues is null || IsBetter(test, State.BestResult));
        if (best)
        {
            State.BestValues ??= new float[Model.TrainableValues.Length];
            Model.Backend.Download<float>(State.BestValues, Model.TrainableValues);
            (State.BestStep, State.BestResult) = (State.Step, test);
        }

        progress?.Evaluated(point, best);
    }

    private bool IsBetter(EvaluationResult a, EvaluationResult b) =>
        _data.Task == TaskKind.Classification && a.Correct != b.Correct ? a.Correct > b.Correct : a.Loss < b.Loss;
}
