using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Formats;

/// <summary>How a folder is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>Null: that of the adapter where it classifies (it has labels.json), else the checkpoint's own.</summary>
    public ModelHead? Head { get; init; }

    public Trainable Trainable { get; init; }

    /// <summary>
    /// How the blocks' matrices, the word table and the vocabulary projection are kept in memory; other than float32, they stay frozen.
    /// Tensors are converted one after another: there is never a float32 copy of the model.
    /// </summary>
    public WeightType BaseType { get; init; }

    /// <summary>New adapters, initialised from <see cref="Seed"/>. Not together with <see cref="Adapter"/>.</summary>
    public LoraSpec? Lora { get; init; }

    /// <summary>A PEFT folder: its adapters and trained head are loaded.</summary>
    public string? Adapter { get; init; }

    /// <summary>
    /// Class names of the data. The checkpoint's classifier is kept when it has the same names (in the checkpoint's order) or only
    /// placeholders (LABEL_0, ...) of the same number; otherwise its last layer is newly initialised for these names. Null: those that
    /// the adapter was tuned for, else the checkpoint's.
    /// </summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Of what is newly initialised.</summary>
    public ulong Seed { get; init; }
}

/// <summary>A loaded model, and what of it is not from the checkpoint.</summary>
/// <param name="Initialised">Parameters that the checkpoint lacks and that started at random (a new head).</param>
/// <param name="Ignored">Tensors of the checkpoint that the model has no place for (another head).</param>
public sealed record LoadedModel(Model Model, IReadOnlyList<string> Initialised, IReadOnlyList<string> Ignored);

/// <summary>Hugging Face model folders: config.json and model.safetensors.</summary>
public static partial class ModelFolder
{
    /// <exception cref="InputException">The folder is malformed, holds what is not supported, or contradicts the options.</exception>
    public static LoadedModel Load(IComputeBackend backend, string folder, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        if (!Directory.Exists(folder))
            throw InputException.InFile(folder, "no such folder");
        var config = ModelConfigReader.Read(folder);
        var (spec, newLabels) = ApplyOptions(folder, config, options);
        var adapter = options.Adapter is null ? null : PeftAdapter.Open(options.Adapter, spec);
        using (adapter)
        using (var checkpoint = Checkpoint.Open(folder))
        {
            var lora = adapter?.Lora ?? options.Lora;
            // Declared and compared first: a config that lies about sizes must fail before memory is asked for.
            var declared = Declare(spec, options.Trainable, lora, options.BaseType);
            var plan = new TensorPlan(checkpoint, config, spec, newLabels);
            plan.Match(declared);
            adapter?.Check(declared);
            var model = Model.Create(backend, spec, options.Trainable, lora, config.BaseLayers, config.Kept, options.BaseType);
            try
            {
                plan.Upload(model, options.Seed);
                adapter?.Upload(model);
                return new LoadedModel(model, plan.Initialised, plan.Ignored);
            }
            catch
            {
                model.Dispose();
                throw;
            }
        }
    }

    internal static IReadOnlyList<Parameter> Declare(ModelSpec spec, Trainable trainable, LoraSpec? lora, WeightType baseType)
    {
        var declaration = new ModelDeclaration(spec, trainable, lora, baseType);
        declaration.DeclareEmbeddings();
        for (int i = 0; i < spec.Layers.Count; i++)
            declaration.DeclareLayer(i);
        declaration.DeclareHead();
        return declaration.Parameters;
    }

    /// <summary>The spec to build, and whether its labels are not the checkpoint's.</summary>
    internal static (ModelSpec Spec, bool NewLabels) ApplyOptions(string folder, ModelConfig config, LoadOptions options)
    {
        var spec = config.Spec;
        if (options is { Adapter: not null, Lora: not null })
            throw new InputException("an adapter folder brings its own rank and targets: give one or the other");
        if (options.Lora is { Rank: < 1 } lora)
            throw new InputException($"LoRA rank is {lora.Rank}, expected at least 1");
        var adapterLabels = options.Adapter is null ? null : AdapterLabels.Read(options.Adapter);
        if (options.Head is null && adapterLabels is null && !config.HasHead)
            throw InputException.InFile(folder, "holds a model without a head: tune it first, or say which head to add");
        var head = options.Head ?? (adapterLabels is null ? spec.Head : ModelHead.SequenceClassification);
        if (head == (spec.IsDecoder ? ModelHead.MaskedLm : ModelHead.CausalLm))
            throw InputException.InFile(folder, $"is a {spec.Family} model, which has no {head} head");
        if (head != ModelHead.SequenceClassification)
            return (spec with { Head = head, Labels = [] }, false);

        var labels = options.Labels ?? adapterLabels;
        bool own = spec.Head == ModelHead.SequenceClassification;
        if (labels is null)
            return own ? (spec, false) : throw InputException.InFile(folder, "has no classifier: tune it first, or say which labels to add one for");
        if (labels.Count < 2 || labels.Distinct(StringComparer.Ordinal).Count() != labels.Count)
            throw new InputException($"labels are [{string.Join(", ", labels)}], expected at least two different ones");
        if (own && labels.Order(StringComparer.Ordinal).SequenceEqual(spec.Labels.Order(StringComparer.Ordinal)))
            return (spec, false);
        bool placeholders = own && spec.Labels.Count == labels.Count && spec.Labels.Select((name, i) => name == $"LABEL_{i}").All(same => same);
        return (spec with { Head = head, Labels = [.. labels] }, own && !placeholders);
    }
}
