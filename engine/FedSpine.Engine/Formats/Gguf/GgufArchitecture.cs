using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>
/// The architectures of llama.cpp that hold models of the LLaMA family. They differ in what may be unequal and in how a head is rotated:
/// the pairs of a rotation are neighbours (2i, 2i + 1) in llama and deci, halves (i, i + D/2) in qwen2 and in Hugging Face's files.
/// </summary>
/// <param name="Name">Value of general.architecture, and prefix of its keys.</param>
/// <param name="PairsAreNeighbours">Rows of q and k are in another order than in Hugging Face's files.</param>
/// <param name="PerLayer">Head counts and FFN width are arrays.</param>
internal sealed record GgufArchitecture(string Name, bool PairsAreNeighbours, bool PerLayer)
{
    /// <summary>Biases on q, k, v and the attention output are optional.</summary>
    public static GgufArchitecture Llama { get; } = new("llama", PairsAreNeighbours: true, PerLayer: false);

    /// <summary>Of Nvidia's pruned LLaMAs (DeciLM): LLaMA with per-layer shapes. Older llama.cpp refuses a deci that has biases on pruned q, k or v.</summary>
    public static GgufArchitecture Deci { get; } = new("deci", PairsAreNeighbours: true, PerLayer: true);

    /// <summary>LLaMA with q, k and v biases; heads must fill the width, and angles have no divisors.</summary>
    public static GgufArchitecture Qwen2 { get; } = new("qwen2", PairsAreNeighbours: false, PerLayer: false);

    /// <summary>null for one that is not supported.</summary>
    public static GgufArchitecture? Named(string? name) => new[] { Llama, Deci, Qwen2 }.FirstOrDefault(a => a.Name == name);

    /// <summary>The plainest one that describes the model.</summary>
    /// <exception cref="InputException">None does.</exception>
    public static GgufArchitecture For(ModelSpec spec)
    {
        if (!spec.IsDecoder || spec.Head != ModelHead.CausalLm)
            throw new InputException($"GGUF files hold causal language models of the LLaMA family; this is a {spec.Family} model with a {spec.Head} head: export it to hf");
        int[] headSizes = [.. spec.Layers.Select(l => l.HeadSize).Distinct()];
        if (headSizes.Length > 1)
            throw new InputException($"GGUF has one head size for all layers; this model has {string.Join(" and ", headSizes)}: export it to hf");
        if (spec.Layers.Any(l => l != spec.Layers[0]))
            return Deci;
        if (!spec.AttentionBias || spec.AttentionOutputBias)
            return Llama;
        return spec.Layers[0].QuerySize == spec.Width && spec.RopeScaling is not { Kind: RopeScalingKind.Llama3 } ? Qwen2 : Deci;
    }

    /// <summary>"llama.block_count".</summary>
    public string Key(string name) => $"{Name}.{name}";

    /// <summary>Adds everything about <paramref name="spec"/> that is not in the tensors.</summary>
    public void Describe(GgufMetadata metadata, ModelSpec spec)
    {
        void Add(string name, GgufValue value) => metadata.Add(Key(name), value);
        void AddPerLayer(string name, Func<LayerSpec, int> of) =>
            Add(name, PerLayer ? GgufValue.Of([.. spec.Layers.Select(of)]) : GgufValue.Of((uint)of(spec.Layers[0])));

        uint headSize = (uint)spec.Layers[0].HeadSize;
        Add("vocab_size", GgufValue.Of((uint)spec.VocabularySize));
        Add("context_length", GgufValue.Of((uint)spec.MaxPositions));
        Add("embedding_length", GgufValue.Of((uint)spec.Width));
        Add("block_count", GgufValue.Of((uint)spec.Layers.Count));
        AddPerLayer("feed_forward_length", l => l.FfnWidth);
        AddPerLayer("attention.head_count", l => l.QueryHeads);
        AddPerLayer("attention.head_count_kv", l => l.KeyValueHeads);
        Add("attention.key_length", GgufValue.Of(headSize));
        Add("attention.value_length", GgufValue.Of(headSize));
        Add("attention.layer_norm_rms_epsilon", GgufValue.Of(spec.NormEpsilon));
        Add("rope.dimension_count", GgufValue.Of(headSize));
        Add("rope.freq_base", GgufValue.Of(spec.RopeTheta));
        GgufRope.Describe(metadata, this, spec.RopeScaling);
    }

    /// <summary>
    /// The row of a Hugging Face file that is row <paramref name="row"/> here: within a head of D rows, 2i is i and 2i + 1 is D/2 + i.
    /// </summary>
    public int CheckpointRow(int row, int headSize)
    {
        if (!PairsAreNeighbours)
            return row;
        int within = row % headSize;
        return row - within + (within % 2 * (headSize / 2)) + within / 2;
    }
}
