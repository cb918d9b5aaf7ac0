using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Pruning;

/// <summary>Small models of random shape and random weights.</summary>
internal static class RandomModels
{
    /// <summary>Unequal layers; decoders with grouped-query attention of one to three query heads a group.</summary>
    public static ModelSpec Spec(DeterministicRandom random, int layers, bool decoder, int width = 16, int maxFfn = 40) =>
        Spec(random, layers, decoder, width, maxFfn, biases: random.NextInt(4));

    /// <param name="biases">1: on q, k, v; 2: on the attention output too; otherwise none (decoders).</param>
    private static ModelSpec Spec(DeterministicRandom random, int layers, bool decoder, int width, int maxFfn, int biases) => new()
    {
        Family = decoder ? ModelFamily.Llama : random.NextInt(2) == 0 ? ModelFamily.Roberta : ModelFamily.Bert,
        Head = decoder ? ModelHead.CausalLm : ModelHead.SequenceClassification,
        Width = width,
        VocabularySize = 23,
        MaxPositions = 20,
        TypeVocabularySize = decoder ? 0 : 1,
        Activation = decoder ? Activation.Silu : Activation.Gelu,
        PadId = 1,
        TieWordEmbeddings = false,
        AttentionBias = decoder && (biases == 1 || biases == 2),
        AttentionOutputBias = decoder && biases == 2,
        Labels = decoder ? [] : ["a", "b", "c"],
        Layers = [.. Enumerable.Range(0, layers).Select(_ => Layer(random, decoder, maxFfn))],
    };

    /// <summary>A part of what <paramref name="kept"/> leaves of the base, at random: whole groups, any channels.</summary>
    public static KeptGroups[] Cut(DeterministicRandom random, IReadOnlyList<KeptGroups> kept) => [.. kept.Select(layer =>
    {
        int run = layer.QueryHeads.Length / layer.KeyValueHeads.Length;
        bool[] groups = Some(random, layer.KeyValueHeads.Length), channels = Some(random, layer.Channels.Length);
        return new KeptGroups(
            [.. layer.QueryHeads.Where((_, i) => groups[i / run])],
            [.. layer.KeyValueHeads.Where((_, i) => groups[i])],
            [.. layer.Channels.Where((_, i) => channels[i])]);
    })];

    public static LoraSpec Lora(int rank) => new(rank, 2 * rank, LoraSpec.AllLinears);

    /// <summary>Normal values in every weight, factor and moment (second moments positive).</summary>
    public static void Fill(Model model, DeterministicRandom random, float scale = 0.3f)
    {
        foreach (var parameter in model.Parameters)
        {
            bool norm = parameter.Name.Contains("norm", StringComparison.OrdinalIgnoreCase) && parameter.Name.EndsWith("weight", StringComparison.Ordinal);
            Write(model.Backend, parameter.Value, () => (norm ? 1 : 0) + (float)random.NextGaussian() * scale);
            if (!parameter.Trainable)
                continue;
            Write(model.Backend, parameter.FirstMoment, () => (float)random.NextGaussian() * 0.01f);
            Write(model.Backend, parameter.SecondMoment, () => (float)random.NextDouble(0, 1e-3));
        }
    }

    public static void Write(IComputeBackend backend, DeviceSpan<float> span, Func<float> next)
    {
        var values = new float[span.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = next();
        backend.Upload<float>(span, values);
    }

    public static LayerScores[] Scores(DeterministicRandom random, IReadOnlyList<LayerSpec> layers) => [.. layers.Select(layer => new LayerScores(
        [.. Enumerable.Range(0, layer.KeyValueHeads).Select(_ => (float)random.NextDouble() * 50)],
        [.. Enumerable.Range(0, layer.FfnWidth).Select(_ => (float)random.NextDouble())]))];

    private static LayerSpec Layer(DeterministicRandom random, bool decoder, int maxFfn)
    {
        int groups = 1 + random.NextInt(4);
        return new LayerSpec(decoder ? groups * (1 + random.NextInt(3)) : groups, groups, 2 * (1 + random.NextInt(4)), 1 + random.NextInt(maxFfn));
    }

    private static bool[] Some(DeterministicRandom random, int count)
    {
        bool[] some = [.. Enumerable.Range(0, count).Select(_ => random.NextInt(3) > 0)];
        some[random.NextInt(count)] = true;
        return some;
    }
}
