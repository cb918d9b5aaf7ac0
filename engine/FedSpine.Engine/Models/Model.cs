using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Models;

/// <summary>Which parameters have gradients and optimizer state.</summary>
public enum Trainable
{
    /// <summary>Inference only.</summary>
    None,

    /// <summary>The LoRA factors, and the classification head where there is one.</summary>
    Adapter,

    /// <summary>Every weight.</summary>
    All,
}

/// <summary>
/// Named weights of one transformer in backend memory: one arena of frozen weights, one of trainable state. Shapes are fixed at
/// creation; pruning makes a new, smaller model. Values start at zero: load or initialise them.
/// </summary>
public sealed class Model : IDisposable
{
    private readonly Arena _weights;
    private readonly Arena _trainable;

    internal Model(IComputeBackend backend, ModelSpec spec, Trainable trainable, LoraSpec? lora, IReadOnlyList<LayerSpec> baseLayers, IReadOnlyList<KeptGroups> kept,
        WeightType baseType)
    {
        if (trainable == Trainable.All && baseType != WeightType.F32)
            throw new InputException($"a base of {baseType.Label()} is frozen: to train all weights they must be f32");
        if (!backend.Supports(Operator.Linear, baseType))
            throw new InputException($"{backend.Name} does not compute on weights of {baseType.Label()}: keep the base in f32, or compute on host");
        Backend = backend;
        Spec = spec;
        Trainable = trainable;
        Lora = lora;
        BaseType = baseType;
        BaseLayers = baseLayers;
        Kept = kept;
        var declaration = new ModelDeclaration(spec, trainable, lora, baseType);
        Embeddings = declaration.DeclareEmbeddings();
        Layers = [.. Enumerable.Range(0, spec.Layers.Count).Select(declaration.DeclareLayer)];
        Head = declaration.DeclareHead();
        Parameters = declaration.Parameters;

        var frozen = new ArenaLayout();
        var frozenOffsets = Parameters.Where(p => !p.Trainable).ToDictionary(p => p, p => frozen.Reserve(p.Type, p.Rows, p.Columns));
        _weights = backend.Allocate(frozen.Bytes, "weights", WeightRemedy(spec, trainable, lora, baseType));
        foreach (var (parameter, offset) in frozenOffsets)
            parameter.Weight = new WeightSpan(parameter.Type, _weights, offset, parameter.Length);

        // Values, gradients and the two moments are four equal segments, decayed parameters first, so that clipping and the
        // update are one operator call over each segment however many parameters there are.
        var segment = new ArenaLayout();
        var order = Parameters.Where(p => p.Trainable).OrderBy(p => p.Decay ? 0 : 1).ToList();
        var offsets = new List<long>();
        foreach (var parameter in order)
        {
            offsets.Add(segment.Reserve<float>(parameter.Length));
            if (parameter.Decay)
                DecayedLength = checked((int)(segment.Bytes / sizeof(float)));
        }

        long size = segment.Bytes;
        int length = checked((int)(size / sizeof(float)));
        try
        {
            _trainable = backend.Allocate(4 * size, "trainable values, their gradients and two moments", trainable == Trainable.All
                ? "an adapter in place of --all-weights needs a small part of that" : "a lower --rank or fewer --targets need less, a --base of bf16 or q8_0 leaves more");
        }
        catch
        {
            _weights.Dispose();
            throw;
        }

        TrainableValues = new DeviceSpan<float>(_trainable, 0, length);
        TrainableGradients = new DeviceSpan<float>(_trainable, size, length);
        FirstMoments = new DeviceSpan<float>(_trainable, 2 * size, length);
        SecondMoments = new DeviceSpan<float>(_trainable, 3 * size, length);
        for (int i = 0; i < order.Count; i++)
        {
            var parameter = order[i];
            DeviceSpan<float> At(int part) => new(_trainable, part * size + offsets[i], parameter.Length);
            (parameter.Weight, parameter.Gradient, parameter.FirstMoment, parameter.SecondMoment) = (At(0), At(1), At(2), At(3));
        }
    }

    /// <summary>An unpruned model (or, with <paramref name="kept"/>, the shape that is left of <paramref name="baseLayers"/>), zeroed.</summary>
    /// <param name="baseType">How the blocks' matrices, the word table and the vocabulary projection are stored; the rest is float32.</param>
    /// <exception cref="InputException">All weights are to be trained, and the base is not float32.</exception>
    public static Model Create(IComputeBackend backend, ModelSpec spec, Trainable trainable = Trainable.None, LoraSpec? lora = null,
        IReadOnlyList<LayerSpec>? baseLayers = null, IReadOnlyList<KeptGroups>? kept = null, WeightType baseType = WeightType.F32) =>
        new(backend, spec, trainable, lora, baseLayers ?? spec.Layers, kept ?? [.. spec.Layers.Select(KeptGroups.All)], baseType);

    public IComputeBackend Backend { get; }

    public ModelSpec Spec { get; }

    public Trainable Trainable { get; }

    public LoraSpec? Lora { get; }

    /// <summary>How the large frozen matrices are stored.</summary>
    public WeightType BaseType { get; }

    /// <summary>Shapes of the unpruned base, which <see cref="Kept"/> indexes.</summary>
    public IReadOnlyList<LayerSpec> BaseLayers { get; }

    /// <summary>Per layer, what is left of the base.</summary>
    public IReadOnlyList<KeptGroups> Kept { get; }

    public EmbeddingWeights Embeddings { get; }

    public IReadOnlyList<TransformerLayer> Layers { get; }

    public HeadWeights Head { get; }

    /// <summary>Every parameter, adapters included, in checkpoint order.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Values of all trainable parameters, one flat span; the gradients and moments are laid out alike.</summary>
    public DeviceSpan<float> TrainableValues { get; }

    public DeviceSpan<float> TrainableGradients { get; }

    public DeviceSpan<float> FirstMoments { get; }

    public DeviceSpan<float> SecondMoments { get; }

    /// <summary>Leading elements of the flat spans to which weight decay applies.</summary>
    public int DecayedLength { get; }

    /// <summary>Bytes of the two arenas.</summary>
    public long Bytes => _weights.Bytes + _trainable.Bytes;

    /// <summary>Weights of the model without adapters.</summary>
    public long ParameterCount => Parameters.Where(p => !p.Name.Contains(".lora_", StringComparison.Ordinal)).Sum(p => (long)p.Length);

    /// <summary>Elements of the blocks' attention and FFN matrices: what the pruning ratio is a fraction of.</summary>
    public long PrunableCount => Layers.Sum(l => l.Linears.Sum(m => (long)m.Weight.Length));

    /// <summary>What the weights would take in the smaller types.</summary>
    private static string WeightRemedy(ModelSpec spec, Trainable trainable, LoraSpec? lora, WeightType baseType)
    {
        var smaller = trainable == Trainable.All ? [] : Enum.GetValues<WeightType>().Where(t => t.RowBytes(1024) < baseType.RowBytes(1024)).OrderByDescending(t => t.RowBytes(1024)).ToArray();
        if (smaller.Length == 0)
            return "a smaller model, or one that is pruned first, needs less";
        return string.Join(", ", smaller.Select(type =>
        {
            using var recorder = new RecordingBackend();
            using var model = Create(recorder, spec, Trainable.None, lora, baseType: type);
            return $"--base {type.Label()} needs {ByteSize.Format(model.Bytes)}";
        }));
    }

    public void Dispose()
    {
        _weights.Dispose();
        _trainable.Dispose();
    }
}
