using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Hub;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Engine.Tuning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine;

/// <summary>
/// A model with its tokenizer on one device: load, attach an adapter, tune, prune, generate, save. What a task replaces (a smaller
/// model after pruning) is disposed here; ask <see cref="Model"/> anew. Not thread-safe.
/// </summary>
public sealed partial class LanguageModel : IDisposable
{
    /// <summary>Sequences that <see cref="Evaluate"/> and <see cref="Perplexity"/> run at a time.</summary>
    private const int EvaluationBatch = 8;

    private const int ProbeRank = 8;

    private readonly bool _ownsBackend;
    private Model _model;

    private LanguageModel(string path, IComputeBackend backend, bool ownsBackend, LoadedModel loaded, TextTokenizer tokenizer)
    {
        (Path, Backend, _ownsBackend, _model, Tokenizer) = (path, backend, ownsBackend, loaded.Model, tokenizer);
        (Initialised, Ignored) = (loaded.Initialised, loaded.Ignored);
    }

    /// <summary>Loads a Hugging Face folder, a GGUF file, or hub:OWNER/NAME[@REVISION].</summary>
    /// <param name="options">Head, adapter, labels; null: as the checkpoint is.</param>
    /// <param name="backend">Where to compute, not owned; null: the host's processor, all cores.</param>
    /// <exception cref="InputException">The folder is malformed, or its tokenizer does not fit the model.</exception>
    public static LanguageModel Load(string path, LoadOptions? options = null, IComputeBackend? backend = null)
    {
        path = HubModel.Resolve(path);
        var tokenizer = ModelSource.LoadTokenizer(path);
        var device = backend ?? HostBackend.Create();
        LoadedModel? loaded = null;
        try
        {
            loaded = ModelSource.Load(device, path, options);
            tokenizer.CheckFits(loaded.Model.Spec);
            return new LanguageModel(path, device, backend is null, loaded, tokenizer);
        }
        catch
        {
            loaded?.Model.Dispose();
            if (backend is null)
                device.Dispose();
            throw;
        }
    }

    /// <summary>Where it is on disk.</summary>
    public string Path { get; }

    public IComputeBackend Backend { get; }

    public TextTokenizer Tokenizer { get; }

    /// <summary>The present weights.</summary>
    public Model Model => _model;

    /// <summary>Parameters that the checkpoint lacks and that started at random (a new classifier).</summary>
    public IReadOnlyList<string> Initialised { get; }

    /// <summary>Tensors of the checkpoint that the model has no place for (another head).</summary>
    public IReadOnlyList<string> Ignored { get; }

    /// <summary>Gives the model new LoRA factors, which change nothing yet; an adapter that it has is merged into the weights first.</summary>
    /// <param name="seed">Of the factors A.</param>
    /// <exception cref="InputException">A rank below 1.</exception>
    public void AttachAdapter(LoraSpec lora, ulong seed = 1)
    {
        if (lora.Rank < 1)
            throw new InputException($"LoRA rank is {lora.Rank}, expected at least 1");
        MergeAdapter();
        var adapted = ModelSurgery.Cut(_model, _model.Kept, Trainable.Adapter, lora);
        ModelInitializer.InitializeAdapter(adapted, seed);
        Replace(adapted);
    }

    /// <summary>Adds the adapter to the weights and drops it: inference no longer pays for it, and nothing is trainable any more.</summary>
    public void MergeAdapter()
    {
        if (_model.Lora is not null)
            Replace(AdapterMerge.Merge(_model));
    }

    /// <summary>Texts as this model reads them.</summary>
    /// <param name="length">Longest example, in tokens.</param>
    /// <param name="seed">Of the order of the test examples.</param>
    /// <exception cref="InputException">A label that the model does not know, or too little text.</exception>
    public TaskData Encode(TaskRecords records, int length = 128, ulong seed = 1) => records.Encode(Tokenizer, _model.Spec, length, seed);

    /// <summary>Tunes what is trainable: the adapter, or all weights; with a ratio in the options, prunes while it tunes.</summary>
    /// <param name="checkpoint">A folder in which the run's state is kept; null: nowhere.</param>
    /// <param name="resume">Go on from that folder's state.</param>
    /// <exception cref="InputException">An option is out of range, or nothing is trainable.</exception>
    /// <exception cref="OperationCanceledException">Stopped; the model is as the last step left it.</exception>
    public TuneResult Tune(TaskData data, TuneOptions options, ITuneProgress? progress = null, string? checkpoint = null, bool resume = false,
        CancellationToken cancel = default)
    {
        using var tuner = new Tuner(_model, data, options);
        try
        {
            if (resume)
                tuner.Restore(checkpoint ?? throw new ArgumentException("no checkpoint folder to resume from", nameof(resume)));
            return tuner.Run(progress, checkpoint, cancel);
        }
        finally
        {
            _model = tuner.Model;
        }
    }

    /// <summary>Removes heads and channels at once, without tuning: importance is taken over a few batches whose gradients are not applied.</summary>
    /// <param name="ratio">Fraction of the blocks' prunable parameters of the unpruned model to be gone.</param>
    /// <param name="data">Text to score on; null is enough for the criteria that look at weights alone (magnitude, random).</param>
    /// <param name="criterion">One of <see cref="ImportanceCriteria.Names"/>.</param>
    /// <param name="batches">Batches of 16 examples to score on.</param>
    /// <param name="recompute">As in <see cref="TuneOptions"/>, and so is <paramref name="memory"/>, in bytes.</param>
    /// <remarks>With data, a model that has nothing trainable gets an adapter to take gradients of, which changes nothing.</remarks>
    /// <exception cref="InputException">The ratio is out of reach, or the criterion needs data.</exception>
    public void Prune(double ratio, TaskData? data = null, string criterion = "taylor", int batches = 16, ulong seed = 1, Recompute? recompute = null,
        long? memory = null, ITuneProgress? progress = null, CancellationToken cancel = default)
    {
        new TuneOptions { Ratio = ratio, Criterion = criterion }.Validate();
        if (data is null)
        {
            var weights = ImportanceCriteria.Create(criterion, seed);
            if (weights.NeedsSteps)
            {
                weights.Dispose();
                throw new InputException($"the criterion {criterion} needs data to score on");
            }

            using var scorer = new ImportanceScorer(weights, _model);
            Replace(ModelSurgery.Prune(_model, GlobalRanking.Select(_model, scorer.Costs(), ratio)));
            progress?.Pruned(0, PruningRatio.Of(_model), _model.ParameterCount);
            return;
        }

        if (_model.TrainableValues.IsEmpty)
            AttachAdapter(new LoraSpec(ProbeRank, ProbeRank, LoraSpec.AllLinears), seed);
        using var tuner = new Tuner(_model, data, new TuneOptions { Steps = batches, Ratio = ratio, Criterion = criterion, Seed = seed, Recompute = recompute, MemoryBytes = memory, KeepBest = false });
        try
        {
            tuner.PruneAtOnce(batches, progress, cancel);
        }
        finally
        {
            _model = tuner.Model;
        }
    }

    /// <summary>Loss over all test examples.</summary>
    public EvaluationResult Evaluate(TaskData data, CancellationToken cancel = default)
    {
        int size = Math.Min(EvaluationBatch, data.Test.Count);
        using var inference = new Inference(_model, size, data.MaxLength);
        int[] all = [.. Enumerable.Range(0, data.Test.Count)];
        return Evaluation.Run(b => inference.Evaluate(b), data, data.Test, all, new Batch(size, data.MaxLength), cancel);
    }

    /// <summary>llama.cpp's perplexity of a text; see <see cref="ContextPerplexity"/>.</summary>
    /// <param name="context">N, tokens of a window.</param>
    /// <param name="progress">Windows done, windows in all.</param>
    /// <exception cref="InputException">The model predicts no next token, the context is longer than its positions, or the text shorter than it.</exception>
    public EvaluationResult Perplexity(string text, int context, Action<int, int>? progress = null, CancellationToken cancel = default)
    {
        if (_model.Spec.Head != ModelHead.CausalLm)
            throw new InputException($"{Path}: a {_model.Spec.Head} model has no perplexity: it predicts no next token");
        int[] bos = Tokenizer.BosId is { } id ? [id] : [];
        int[] tokens = [.. bos, .. Tokenizer.Encode(text)];
        int size = Math.Clamp(ContextPerplexity.Windows(tokens.Length, context), 1, EvaluationBatch);
        using var inference = new Inference(_model, size, context);
        return ContextPerplexity.Run(inference, tokens, context, Tokenizer.BosId, new Batch(size, context), progress, cancel);
    }

    /// <summary>Writes a Hugging Face folder: weights (the adapter merged into them), configuration, tokenizer.</summary>
    /// <exception cref="FedSpineException">The disk is full, or a weight is not finite.</exception>
    public void Save(string folder, SafetensorsType type = SafetensorsType.F32) => ModelFolder.Save(_model, folder, type, tokenizerFrom: Path, mergeAdapter: true);

    /// <summary>Writes a GGUF file that llama.cpp runs, the adapter merged into the weights; see <see cref="GgufModel.Save"/>.</summary>
    /// <exception cref="InputException">The model is not of the LLaMA family, or the format cannot hold it.</exception>
    public void SaveGguf(string path, GgufTensorType type = GgufTensorType.F16) => GgufModel.Save(_model, path, type, Path);

    /// <summary>Writes the adapter, and the classifier beside it, as a PEFT folder.</summary>
    /// <exception cref="FedSpineException">There is no adapter, or the disk is full.</exception>
    public void SaveAdapter(string folder, SafetensorsType type = SafetensorsType.F32) => PeftAdapter.Save(_model, folder, Path, type);

    public void Dispose()
    {
        _model.Dispose();
        if (_ownsBackend)
            Backend.Dispose();
    }

    private void Replace(Model model)
    {
        _model.Dispose();
        _model = model;
    }
}
