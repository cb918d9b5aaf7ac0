using FedSpine.Engine.Models;
using FedSpine.Engine.Profiling;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Training;

/// <summary>
/// Trains one model: loss, gradients, clipping, AdamW. Memory is planned once, by a dry run on the largest batch, and
/// allocated once; a step allocates nothing on the managed heap. Not thread-safe; does not own the model.
/// </summary>
/// <example>
/// <code>
/// using var trainer = new Trainer(model, new TrainingOptions { TotalSteps = 100 }, maxB: 8, maxT: 128);
/// foreach (var batch in batches)
///     Console.WriteLine(trainer.Step(batch).Loss);
/// </code>
/// </example>
public sealed class Trainer : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly ModelPass _pass;
    private readonly RecordingBackend _recorder = new();
    private readonly WorkspacePlan _plan;
    private readonly int _maxB, _maxT;
    private int[] _rows = new int[1]; // losses of each micro-batch of the step
    private float[] _onHost = [];     // the step's losses, then its norm and clip factor
    private Arena? _gathered;         // the same on the device, where a step has several micro-batches
    private Arena _arena;
    private Workspace _workspace;
    private Workspace? _observed;
    private IStepObserver? _observer;
    private Inference? _inference;
    private DeviceSpan<float> _norm; // (2) global norm, clip factor
    private (int Rows, long Squares, int Targets, long Flops) _priced;
    private int _tokens; // of the last step

    /// <param name="model">Anything but <see cref="Trainable.None"/>.</param>
    /// <param name="options">Optimizer, schedule, dropout.</param>
    /// <param name="maxB">Most sequences of a micro-batch.</param>
    /// <param name="maxT">Longest sequence.</param>
    /// <exception cref="InputException">Nothing is trainable, or maxT exceeds the model's positions.</exception>
    public Trainer(Model model, TrainingOptions options, int maxB, int maxT)
    {
        if (model.TrainableValues.IsEmpty)
            throw new InputException($"nothing to train: the model was made with Trainable.{model.Trainable}, {(model.Lora is null ? "no adapter" : "an adapter")} and a {model.Spec.Head} head");
        Model = model;
        _options = options;
        (_maxB, _maxT) = (maxB, maxT);
        _pass = new ModelPass(model, maxB, maxT) { Recompute = options.Recompute };
        _plan = Plan(null);
        try
        {
            _arena = Allocate(_plan);
        }
        catch
        {
            _pass.Dispose();
            throw;
        }

        _workspace = Workspace.Replay(_plan, _arena);
    }

    public Model Model { get; }

    /// <summary>Steps done, void ones included: the schedule's clock. Set it to resume.</summary>
    public int StepIndex { get; set; }

    /// <summary>Updates that the moments hold (AdamW's bias correction). Set it where the moments are restored.</summary>
    public int MomentSteps { get; set; }

    /// <summary>Steps without effect because the loss or a gradient was not finite, or nothing had a target.</summary>
    public int VoidSteps { get; private set; }

    /// <summary>Peak of activations and scratch of a step, as planned.</summary>
    public long ActivationBytes => _arena.Bytes;

    /// <summary>One optimizer step on the mean loss of all micro-batches.</summary>
    public StepResult Step(ReadOnlySpan<Batch> microBatches, IStepObserver? observer = null)
    {
        var result = ComputeGradients(microBatches, observer);
        StepIndex++;
        EngineEvents.Log.TrainingStep(StepIndex, result.Loss, _tokens, _arena.Bytes);
        if (!result.Applied)
        {
            VoidSteps++;
            return result;
        }

        MomentSteps++;
        Update(result.LearningRate);
        return result;
    }

    public StepResult Step(Batch batch, IStepObserver? observer = null) => Step(new ReadOnlySpan<Batch>(in batch), observer);

    /// <summary>
    /// Loss and gradients (in <see cref="Model.TrainableGradients"/>) without an update; the steps' counters do not move.
    /// An observer that is new to this trainer is first called once with the recording backend, to plan its scratch.
    /// </summary>
    public StepResult ComputeGradients(ReadOnlySpan<Batch> microBatches, IStepObserver? observer = null)
    {
        var backend = Model.Backend;
        var workspace = observer is null ? _workspace : Observed(observer);
        int count = 0, tokens = 0;
        foreach (var batch in microBatches)
        {
            Inference.Check(batch, _maxB, _maxT);
            count += _pass.TargetCount(batch);
            tokens += batch.TokenCount;
        }

        _tokens = tokens;
        backend.Fill(Model.TrainableGradients, 0);
        long flops = 16L * Model.TrainableValues.Length; // norm and update
        ulong stepSeed = DeterministicRandom.Mix(_options.Seed, (ulong)StepIndex);
        var results = Results(microBatches.Length);
        int rows = 0;
        for (int i = 0; i < microBatches.Length; i++)
        {
            ulong seed = DeterministicRandom.Mix(stepSeed, (ulong)i);
            flops += Price(microBatches[i]);
            var own = _pass.Train(backend, workspace, microBatches[i], 1f / Math.Max(1, count), _options.Dropout, seed, observer);
            _rows[i] = own.Length - ModelPass.NormLength;
            if (microBatches.Length == 1)
                results = own;
            else
                backend.Copy(results.Slice(rows, _rows[i]), own.Slice(0, _rows[i]));
            rows += _rows[i];
        }

        observer?.OnGradients(backend, workspace, Model);
        _norm = results.Slice(rows, ModelPass.NormLength);
        backend.GradientNorm(_norm, Model.TrainableGradients, _options.ClipNorm);
        var (loss, norm) = ReadBack(results.Slice(0, rows + ModelPass.NormLength), microBatches.Length);
        bool valid = count > 0 && double.IsFinite(loss) && float.IsFinite(norm);
        return new StepResult(loss / count, count, norm, _options.LearningRateAt(StepIndex), valid, flops);
    }

    /// <summary>Room on the device for what a step of several micro-batches leaves; that of a single one has its own. Grows with the most there were.</summary>
    private DeviceSpan<float> Results(int microBatches)
    {
        if (_rows.Length < microBatches)
            _rows = new int[microBatches];
        if (microBatches == 1)
            return default;
        int length = checked(microBatches * _maxB * _maxT + ModelPass.NormLength);
        if (_gathered is null || _gathered.Bytes < (long)length * sizeof(float))
        {
            _gathered?.Dispose();
            _gathered = Model.Backend.Allocate((long)length * sizeof(float), "losses of a step", DeviceMemory.LessActivations);
        }

        return new DeviceSpan<float>(_gathered, 0, length);
    }

    /// <summary>The one time that the host waits in a step: the losses' sum, added up by micro-batch, and the norm.</summary>
    private (double Loss, float Norm) ReadBack(DeviceSpan<float> results, int microBatches)
    {
        if (_onHost.Length < results.Length)
            _onHost = new float[results.Length];
        Model.Backend.Download(_onHost.AsSpan(0, results.Length), results);
        double loss = 0;
        int at = 0;
        for (int i = 0; i < microBatches; i++)
        {
            double sum = 0;
            foreach (float row in _onHost.AsSpan(at, _rows[i]))
                sum += row;
            loss += sum;
            at += _rows[i];
        }

        return (loss, _onHost[at]);
    }

    /// <summary>Loss and predictions without gradients or dropout; see <see cref="Inference.Evaluate"/>.</summary>
    public EvaluationResult Evaluate(Batch batch, Span<int> predictions = default)
    {
        _inference ??= new Inference(Model, _pass, _maxB, _maxT, _arena);
        return _inference.Evaluate(batch, predictions);
    }

    public void Dispose()
    {
        _inference?.Dispose();
        _pass.Dispose();
        _arena.Dispose();
        _gathered?.Dispose();
    }

    private void Update(float learningRate)
    {
        int decayed = Model.DecayedLength, rest = Model.TrainableValues.Length - decayed;
        Update(0, decayed, learningRate, _options.WeightDecay);
        Update(decayed, rest, learningRate, 0);
    }

    private void Update(int start, int length, float learningRate, float decay)
    {
        if (length == 0)
            return;
        var step = new AdamWStep(learningRate, _options.Beta1, _options.Beta2, _options.Epsilon, decay,
            (float)(1 - Math.Pow(_options.Beta1, MomentSteps)), (float)(1 - Math.Pow(_options.Beta2, MomentSteps)));
        Model.Backend.AdamW(Model.TrainableValues.Slice(start, length), Model.FirstMoments.Slice(start, length),
            Model.SecondMoments.Slice(start, length), Model.TrainableGradients.Slice(start, length), _norm.Slice(1, 1), step);
    }

    /// <summary>Floating-point operations of a batch's forward and backward, by a dry run when the shape is not the last one's.</summary>
    private long Price(Batch batch)
    {
        int targets = _pass.TargetCount(batch);
        var (rows, squares) = (0, 0L); // the blocks cost what the rows do, attention what each sequence's square does
        for (int b = 0; b < batch.B; b++)
        {
            int length = SequenceRows.RowsOf(batch, b);
            (rows, squares) = (rows + length, squares + (long)length * length);
        }

        if (_priced.Rows != rows || _priced.Squares != squares || _priced.Targets != targets)
        {
            long before = _recorder.Flops;
            _pass.Train(_recorder, _workspace, batch, 1, _options.Dropout, 0, null);
            _priced = (rows, squares, targets, _recorder.Flops - before);
        }

        return _priced.Flops;
    }

    /// <summary>The workspace that also holds the observer's scratch; planned when the observer changes.</summary>
    private Workspace Observed(IStepObserver observer)
    {
        if (ReferenceEquals(observer, _observer))
            return _observed!;
        var plan = Plan(observer);
        if (plan.Bytes > _arena.Bytes)
        {
            _inference?.Dispose();
            _inference = null;
            _arena.Dispose();
            _arena = Allocate(plan);
            _workspace = Workspace.Replay(_plan, _arena);
        }

        _observer = observer;
        return _observed = Workspace.Replay(plan, _arena);
    }

    private Arena Allocate(WorkspacePlan plan) =>
        Model.Backend.Allocate(plan.Bytes, $"activations and scratch of a training step of {_maxB} x {_maxT} tokens", DeviceMemory.LessActivations);

    private WorkspacePlan Plan(IStepObserver? observer)
    {
        var workspace = Workspace.Record();
        _pass.Train(_recorder, workspace, Batch.Full(_maxB, _maxT), 1, _options.Dropout, 0, observer);
        observer?.OnGradients(_recorder, workspace, Model);
        return workspace.Plan();
    }
}
