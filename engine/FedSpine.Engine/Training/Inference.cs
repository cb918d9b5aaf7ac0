using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Training;

/// <summary>Runs a model forward: logits, loss, predictions. Planned and allocated once, like <see cref="Trainer"/>.</summary>
public sealed class Inference : IDisposable
{
    private readonly Model _model;
    private readonly ModelPass _pass;
    private readonly bool _ownsPass;
    private readonly Arena? _owned;
    private readonly Workspace _workspace;
    private readonly int _maxB, _maxT;

    /// <exception cref="InputException">maxT exceeds the model's positions.</exception>
    public Inference(Model model, int maxB, int maxT) : this(model, new ModelPass(model, maxB, maxT), maxB, maxT, null) => _ownsPass = true;

    /// <summary>Shares a trainer's pass, and its arena when that is large enough.</summary>
    internal Inference(Model model, ModelPass pass, int maxB, int maxT, Arena? shared)
    {
        _model = model;
        _pass = pass;
        (_maxB, _maxT) = (maxB, maxT);
        var workspace = Workspace.Record();
        pass.DryForward(new RecordingBackend(), workspace, Batch.Full(maxB, maxT));
        var plan = workspace.Plan();
        try
        {
            if (shared is null || shared.Bytes < plan.Bytes)
                shared = _owned = model.Backend.Allocate(plan.Bytes, $"activations and scratch of a forward pass over {maxB} x {maxT} tokens", "a smaller --batch, a shorter --length or --context needs less, a --base of bf16 or q8_0 leaves more");
        }
        catch when (shared is null)
        {
            pass.Dispose();
            throw;
        }

        ActivationBytes = plan.Bytes;
        _workspace = Workspace.Replay(plan, shared);
    }

    /// <summary>Peak of activations and scratch, as planned.</summary>
    public long ActivationBytes { get; }

    /// <summary>C of <see cref="Logits(Batch)"/>: classes, or the vocabulary.</summary>
    public int LogitColumns => _pass.LogitColumns;

    /// <summary>(B, C) when the head classifies, (B, T, C) otherwise; rows at padding are meaningless.</summary>
    public float[] Logits(Batch batch)
    {
        var logits = new float[checked(LogitRows(batch) * LogitColumns)];
        Logits(batch, logits);
        return logits;
    }

    /// <inheritdoc cref="Logits(Batch)"/>
    public void Logits(Batch batch, Span<float> destination)
    {
        Check(batch, _maxB, _maxT);
        if (destination.Length != (long)LogitRows(batch) * LogitColumns)
            throw new ArgumentException($"{LogitRows(batch)} rows of {LogitColumns} logits do not fit a span of {destination.Length}", nameof(destination));
        _pass.Logits(_model.Backend, _workspace, batch, destination);
    }

    /// <summary>
    /// Loss over the targets, and how many the largest logit meets. <paramref name="predictions"/>, unless empty, receives it per
    /// example (classification) or per position with a target, in order.
    /// </summary>
    public EvaluationResult Evaluate(Batch batch, Span<int> predictions = default)
    {
        Check(batch, _maxB, _maxT);
        return _pass.Evaluate(_model.Backend, _workspace, batch, predictions);
    }

    public void Dispose()
    {
        if (_ownsPass)
            _pass.Dispose();
        _owned?.Dispose();
    }

    /// <exception cref="ArgumentException">The batch exceeds the plan, or a length its row.</exception>
    internal static void Check(Batch batch, int maxB, int maxT)
    {
        if (batch.B < 1 || batch.T < 1 || batch.B > maxB || batch.T > maxT)
            throw new ArgumentException($"a batch of {batch.B} x {batch.T} tokens; the plan is for 1 x 1 to {maxB} x {maxT}", nameof(batch));
        for (int b = 0; b < batch.B; b++)
        {
            if ((uint)batch.Lengths[b] > (uint)batch.T)
                throw new ArgumentException($"length {batch.Lengths[b]} of row {b} is outside 0 to {batch.T}", nameof(batch));
        }
    }

    private int LogitRows(Batch batch) => _model.Spec.Head == ModelHead.SequenceClassification ? batch.B : batch.B * batch.T;
}
