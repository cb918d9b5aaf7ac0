using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>Which rows the head computes.</summary>
internal enum HeadSelection
{
    /// <summary>Rows with a target: the loss. Classification: one row per example.</summary>
    Targets,

    /// <summary>Every position. Classification: one row per example.</summary>
    All,

    /// <summary>The last token of each example.</summary>
    Last,
}

/// <summary>
/// Forward and backward of a whole model over one batch: stages the batch on the device, then embeddings, blocks, head, and back.
/// Every run of one kind rents the same buffers in the same order whatever the batch, so a dry run on the largest batch plans all.
/// </summary>
internal sealed class ModelPass : IDisposable
{
    private readonly Model _model;
    private readonly TransformerPass _blocks;
    private readonly HeadPass _head;
    private readonly PassContext _context;
    private readonly int _firstTrainedLayer;
    private readonly int[] _ids;         // (maxB, maxT)
    private readonly int[] _types;       // (maxB, maxT)
    private readonly int[] _positions;   // (maxB, maxT)
    private readonly int[] _headRows;    // (maxB, maxT)
    private readonly int[] _headTargets; // (maxB, maxT)
    private readonly int[] _headLengths; // (maxB) 1, or 0 of an empty sequence
    private readonly int[] _staged;      // all of these one after the other, as the device gets them
    private readonly float[] _losses;    // (maxB, maxT)
    private float[] _logits = [];        // (rows, C) of a piece on the host

    public ModelPass(Model model, int maxB, int maxT)
    {
        if (maxT > model.Spec.MaxLength)
            throw new InputException($"sequences of {maxT} tokens: the model's positions allow {model.Spec.MaxLength}");
        _model = model;
        _blocks = TransformerPass.Create(model, maxT);
        _head = new HeadPass(model);
        _context = new PassContext { Backend = model.Backend, Workspace = Workspace.Record(), Sequences = new SequenceRows(maxB), HeadSequences = new SequenceRows(1), LastLayer = model.Layers.Count - 1 };
        int layer = 0;
        while (layer < model.Layers.Count && model.Trainable != Trainable.All && !HasTrainable(model.Layers[layer]))
            layer++;
        _firstTrainedLayer = layer;
        _ids = new int[maxB * maxT];
        _types = new int[maxB * maxT];
        _positions = new int[maxB * maxT];
        _headRows = new int[maxB * maxT];
        _headTargets = new int[maxB * maxT];
        _headLengths = new int[maxB];
        _staged = new int[2 * Aligned(maxB) + 5 * Aligned(maxB * maxT)];
        _losses = new float[maxB * maxT];
    }

    /// <summary>What the backward pass recomputes; set before anything is planned.</summary>
    public Recompute Recompute
    {
        get => _context.Recompute;
        init => _context.Recompute = value;
    }

    /// <summary>Elements of <see cref="IComputeBackend.GradientNorm"/>'s result.</summary>
    public const int NormLength = 2;

    /// <summary>Logits that predictions bring to the host at a time (4 MiB), or one row where that is more.</summary>
    private const int PieceElements = 1 << 20;

    public int LogitColumns => _head.Columns;

    /// <summary>Targets of the batch that are not <see cref="Batch.Ignore"/>; padding has none.</summary>
    public int TargetCount(Batch batch)
    {
        bool classifies = _model.Spec.Head == ModelHead.SequenceClassification;
        int count = 0;
        for (int b = 0; b < batch.B; b++)
        {
            foreach (int target in classifies ? batch.Targets.AsSpan(b, 1) : batch.Targets.AsSpan(b * batch.T, SequenceRows.RowsOf(batch, b)))
                count += target >= 0 ? 1 : 0;
        }

        return count;
    }

    /// <summary>
    /// Adds the batch's gradients, multiplied by <paramref name="gradScale"/>. Returns its losses (M), on the device until the next batch,
    /// and behind them room for a norm (<see cref="NormLength"/>): one copy brings both to the host.
    /// </summary>
    public DeviceSpan<float> Train(IComputeBackend backend, Workspace workspace, Batch batch, float gradScale, float dropout, ulong seed, IStepObserver? observer)
    {
        Begin(backend, workspace, batch, HeadSelection.Targets, everyRow: observer?.WantsEveryRow ?? false);
        _context.FirstTrainedLayer = observer is null ? _firstTrainedLayer : 0; // an observer wants every layer
        _context.Dropout = dropout;
        _context.Seed = seed;
        _context.Observer = observer;
        var losses = _context.Rent(_context.HeadRowCount + NormLength);
        _head.Forward(_context, _blocks.Forward(_context));
        var d = _head.LossAndBackward(_context, losses.Slice(0, _context.HeadRowCount), gradScale);
        _blocks.Backward(_context, d);
        return losses;
    }

    /// <summary>
    /// Loss and greedy predictions without gradients. <paramref name="predictions"/> receives one class per head row (per example,
    /// or per position with a target, in order); empty: not wanted.
    /// </summary>
    public EvaluationResult Evaluate(IComputeBackend backend, Workspace workspace, Batch batch, Span<int> predictions)
    {
        var (losses, buffer) = Features(backend, workspace, batch, HeadSelection.Targets);
        int M = _context.HeadRowCount, C = LogitColumns, chunk = _head.ChunkRows(M), correct = 0;
        for (int start = 0; start < M; start += chunk)
        {
            int rows = Math.Min(chunk, M - start);
            var logits = _head.Logits(_context, buffer, start, rows);
            backend.CrossEntropy(losses.Slice(start, rows), default, logits, _context.Targets.Slice(start, rows), rows, C, 1);
            correct += Predict(logits, start, rows, predictions);
        }

        return new EvaluationResult(SumLosses(losses), TargetCount(batch), correct);
    }

    /// <summary>Logits (B, C) when the head classifies, (B*T, C) otherwise, into host memory.</summary>
    public void Logits(IComputeBackend backend, Workspace workspace, Batch batch, Span<float> destination)
    {
        var (_, buffer) = Features(backend, workspace, batch, HeadSelection.All);
        int M = _context.HeadRowCount, C = LogitColumns, chunk = _head.ChunkRows(M);
        for (int start = 0; start < M; start += chunk)
        {
            int rows = Math.Min(chunk, M - start);
            backend.Download(destination.Slice(start * C, rows * C), _head.Logits(_context, buffer, start, rows));
        }
    }

    /// <summary>Logits (B, C) after the last token of each sequence, whose keys and values go to the cache.</summary>
    public void Continue(IComputeBackend backend, Workspace workspace, Batch batch, CachedRows cached, Span<float> logits)
    {
        var (_, buffer) = Features(backend, workspace, batch, HeadSelection.Last, cached);
        int C = LogitColumns, chunk = _head.ChunkRows(batch.B);
        for (int start = 0; start < batch.B; start += chunk)
        {
            int rows = Math.Min(chunk, batch.B - start);
            backend.Download(logits.Slice(start * C, rows * C), _head.Logits(_context, buffer, start, rows));
        }
    }

    /// <summary>The same rents and operators with nothing read back: plans and prices inference.</summary>
    public void DryForward(RecordingBackend backend, Workspace workspace, Batch batch)
    {
        var (_, buffer) = Features(backend, workspace, batch, HeadSelection.All);
        int M = _context.HeadRowCount, chunk = _head.ChunkRows(M);
        for (int start = 0; start < M; start += chunk)
            _head.Logits(_context, buffer, start, Math.Min(chunk, M - start));
    }

    public void Dispose() => _blocks.Dispose();

    /// <summary>Everything before the logits, at inference; room for the losses (M) and for a chunk of logits (chunk, C).</summary>
    private (DeviceSpan<float> Losses, DeviceSpan<float> Buffer) Features(IComputeBackend backend, Workspace workspace, Batch batch, HeadSelection rows,
        CachedRows cached = default)
    {
        Begin(backend, workspace, batch, rows, cached);
        _context.FirstTrainedLayer = int.MaxValue;
        _context.Dropout = 0;
        _context.Observer = null;
        var losses = _context.Rent(_context.HeadRowCount);
        _head.Forward(_context, _blocks.Forward(_context));
        return (losses, _context.Rent(_head.ChunkRows(_context.HeadRowCount) * LogitColumns));
    }

    /// <summary>Stages the batch and chooses the head's rows.</summary>
    private void Begin(IComputeBackend backend, Workspace workspace, Batch batch, HeadSelection rows, CachedRows cached = default, bool everyRow = false)
    {
        var c = _context;
        (c.Backend, c.Workspace, c.B, c.T, c.Cached) = (backend, workspace, batch.B, batch.T, cached);
        workspace.Begin();
        c.Sequences.Set(batch, padded: rows != HeadSelection.Targets);
        Pack(batch);
        c.HeadRowCount = ChooseHeadRows(batch, rows);
        int types = _model.Spec.IsDecoder ? 0 : c.Rows, positions = types;
        if (_model.Spec.IsDecoder && cached.Cache is not null)
        {
            positions = c.B;
            for (int b = 0; b < c.B; b++)
                _positions[b] = cached.Continues ? cached.Cache.Lengths[cached.First + b] : 0;
        }

        c.NarrowsLast = !everyRow && (rows == HeadSelection.Last || _model.Spec.Head == ModelHead.SequenceClassification);
        for (int b = 0; b < c.B; b++)
            _headLengths[b] = Math.Min(batch.Lengths[b], 1);

        int length = 0;
        var staged = workspace.Rent<int>(Aligned(c.Rows) + Aligned(types) + Aligned(positions) + (c.NarrowsLast ? 2 : 1) * Aligned(c.B) + 2 * Aligned(c.HeadRowCount));
        c.Ids = Stage(_ids, c.Rows);
        c.Types = Stage(_types, types);
        c.Positions = Stage(_positions, positions);
        c.Sequences.Lengths = Stage(batch.Lengths, c.B);
        if (c.NarrowsLast)
        {
            c.HeadSequences.SetSingle(c.B);
            c.HeadSequences.Lengths = Stage(_headLengths, c.B);
        }

        c.HeadRows = Stage(_headRows, c.HeadRowCount);
        c.Targets = Stage(_headTargets, c.HeadRowCount);
        backend.Upload<int>(staged, _staged.AsSpan(0, length));

        DeviceSpan<int> Stage(int[] values, int count)
        {
            values.AsSpan(0, count).CopyTo(_staged.AsSpan(length));
            var part = staged.Slice(length, count);
            length += Aligned(count);
            return part;
        }
    }

    /// <summary>Integers up to where the next part may begin.</summary>
    private static int Aligned(int count) => checked((int)(Arena.Align((long)count * sizeof(int)) / sizeof(int)));

    /// <summary>Ids, types and positions of the batch's sequences, row by row.</summary>
    private void Pack(Batch batch)
    {
        int first = _model.Spec.Family == ModelFamily.Roberta ? (_model.Spec.PadId ?? 1) + 1 : 0;
        foreach (var run in _context.Sequences.Runs)
        {
            for (int i = 0; i < run.Sequences; i++)
            {
                int from = (run.Sequence + i) * batch.T, to = run.Row + i * run.Length;
                batch.Ids.AsSpan(from, run.Length).CopyTo(_ids.AsSpan(to));
                batch.Types.AsSpan(from, run.Length).CopyTo(_types.AsSpan(to));
                for (int t = 0; t < run.Length; t++)
                    _positions[to + t] = first + t;
            }
        }
    }

    private int ChooseHeadRows(Batch batch, HeadSelection rows)
    {
        bool classifies = _model.Spec.Head == ModelHead.SequenceClassification;
        int M = 0;
        foreach (var run in _context.Sequences.Runs)
        {
            for (int i = 0; i < run.Sequences; i++)
            {
                int b = run.Sequence + i, start = run.Row + i * run.Length;
                if (classifies || rows == HeadSelection.Last)
                {
                    bool first = classifies && !_model.Spec.IsDecoder;
                    int t = first ? 0 : Math.Max(batch.Lengths[b] - 1, 0);
                    AddHeadRow(ref M, start, b, t, classifies ? batch.Targets[b] : Batch.Ignore);
                    continue;
                }

                for (int t = 0; t < run.Length; t++)
                {
                    int target = batch.Targets[b * batch.T + t];
                    if (rows == HeadSelection.All)
                        AddHeadRow(ref M, start, b, t, Batch.Ignore);
                    else if (target >= 0)
                        AddHeadRow(ref M, start, b, t, target);
                }
            }
        }

        // Without any target the pass still runs, on one row that counts for nothing, so that observers and rents see it.
        if (M == 0)
            AddHeadRow(ref M, 0, 0, 0, Batch.Ignore);
        return M;
    }

    private void AddHeadRow(ref int M, int start, int b, int t, int target)
    {
        if (target >= LogitColumns)
            throw new InputException($"target {target} at row {b}, position {t} of a batch: the model has {LogitColumns} classes");
        _headRows[M] = start + t;
        _headTargets[M++] = target;
    }

    private double SumLosses(DeviceSpan<float> losses)
    {
        var host = _losses.AsSpan(0, losses.Length);
        _context.Backend.Download(host, losses);
        double sum = 0;
        foreach (float loss in host)
            sum += loss;
        return sum;
    }

    /// <summary>The largest logit of each of <paramref name="rows"/> head rows from <paramref name="start"/> on; returns how many are the target.</summary>
    private int Predict(DeviceSpan<float> logits, int start, int rows, Span<int> predictions)
    {
        int C = LogitColumns, most = Math.Clamp(PieceElements / C, 1, rows), correct = 0;
        if (_logits.Length < most * C)
            _logits = new float[most * C];
        for (int first = 0; first < rows; first += most)
        {
            int count = Math.Min(most, rows - first);
            var piece = _logits.AsSpan(0, count * C);
            _context.Backend.Download(piece, logits.Slice(first * C, count * C));
            for (int r = 0; r < count; r++)
            {
                int row = start + first + r, prediction = ArgMax(piece.Slice(r * C, C));
                correct += prediction == _headTargets[row] ? 1 : 0;
                if (!predictions.IsEmpty)
                    predictions[row] = prediction;
            }
        }

        return correct;
    }

    private static int ArgMax(ReadOnlySpan<float> row)
    {
        int best = 0;
        for (int i = 1; i < row.Length; i++)
            best = row[i] > row[best] ? i : best;
        return best;
    }

    private static bool HasTrainable(TransformerLayer layer) => layer.Linears.Any(m => m.A is { Trainable: true } || m.Weight.Trainable);
}
