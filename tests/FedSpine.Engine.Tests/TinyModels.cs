using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Engine.Tests;

/// <summary>Models of a few hundred weights whose layers differ, and batches for them.</summary>
public static class TinyModels
{
    public const int Vocabulary = 23;

    public static LoraSpec Lora { get; } = new(3, 6, LoraSpec.AllLinears);

    public static ModelSpec Roberta(ModelHead head, bool tied = true) => new()
    {
        Family = ModelFamily.Roberta, Head = head, Width = 12, VocabularySize = Vocabulary, MaxPositions = 14, TypeVocabularySize = 1,
        Activation = Activation.Gelu, PadId = 1, TieWordEmbeddings = tied, Labels = Classes(head),
        Layers = [new LayerSpec(3, 3, 4, 10), new LayerSpec(1, 1, 4, 7)],
    };

    public static ModelSpec Bert(ModelHead head, bool tied = true) => new()
    {
        Family = ModelFamily.Bert, Head = head, Width = 12, VocabularySize = Vocabulary, MaxPositions = 12, TypeVocabularySize = 2,
        Activation = Activation.GeluTanh, PadId = 0, NormEpsilon = 1e-12f, TieWordEmbeddings = tied, Labels = Classes(head),
        Layers = [new LayerSpec(2, 2, 4, 9), new LayerSpec(3, 3, 4, 8)],
    };

    public static ModelSpec Llama(ModelHead head, bool tied = true, bool attentionBias = false) => new()
    {
        Family = ModelFamily.Llama, Head = head, Width = 12, VocabularySize = Vocabulary, MaxPositions = 32, Activation = Activation.Silu,
        TieWordEmbeddings = tied, AttentionBias = attentionBias, Labels = Classes(head),
        Layers = [new LayerSpec(4, 2, 4, 9), new LayerSpec(2, 1, 6, 5)],
    };

    /// <summary>The spec with wider layers, large enough for several threads to share an operator.</summary>
    public static ModelSpec Widened(this ModelSpec spec, int width = 64, int heads = 4, int layers = 2) => spec with
    {
        Width = width,
        MaxPositions = 160,
        Layers = [.. Enumerable.Range(0, layers).Select(l => new LayerSpec(heads, spec.IsDecoder ? heads / 2 : heads, width / heads, 2 * width + 16 * l))],
    };

    /// <summary>A model with every value drawn at random: larger than initial weights, so that every gradient counts.</summary>
    public static Model Random(IComputeBackend backend, ModelSpec spec, Trainable trainable, LoraSpec? lora = null, ulong seed = 1)
    {
        var model = Model.Create(backend, spec, trainable, lora);
        for (int i = 0; i < model.Parameters.Count; i++)
        {
            var parameter = model.Parameters[i];
            var random = new DeterministicRandom(seed, (ulong)i);
            bool norm = parameter.IsVector && parameter.Name.EndsWith(".weight", StringComparison.Ordinal);
            var values = new float[parameter.Length];
            foreach (ref float value in values.AsSpan())
                value = (float)((norm ? 1 : 0) + 0.3 * random.NextGaussian());
            backend.Upload<float>(parameter.Value, values);
        }

        return model;
    }

    /// <summary>Random tokens in rows of the given lengths, with targets as the head wants them.</summary>
    public static Batch Batch(ModelSpec spec, ulong seed, params ReadOnlySpan<int> lengths)
    {
        var random = new DeterministicRandom(seed);
        var rows = new int[lengths.Length][];
        var labels = new int[lengths.Length];
        int T = 0;
        for (int b = 0; b < rows.Length; b++)
        {
            rows[b] = new int[lengths[b]];
            foreach (ref int id in rows[b].AsSpan())
                id = 3 + random.NextInt(spec.VocabularySize - 3);
            labels[b] = spec.Labels.Count > 0 ? random.NextInt(spec.Labels.Count) : 0;
            T = Math.Max(T, lengths[b]);
        }

        var batch = new Batch(rows.Length, T);
        switch (spec.Head)
        {
            case ModelHead.CausalLm:
                BatchBuilder.CausalLm(batch, rows, 0);
                break;
            case ModelHead.MaskedLm:
                BatchBuilder.MaskedLm(batch, rows, 1, maskId: 2, spec.VocabularySize, [0, 1, 2], random);
                break;
            default:
                BatchBuilder.Classification(batch, rows, labels, 1);
                break;
        }

        for (int i = 0; i < batch.B * batch.T && spec.TypeVocabularySize > 1; i++)
            batch.Types[i] = random.NextInt(spec.TypeVocabularySize);
        return batch;
    }

    private static string[] Classes(ModelHead head) => head == ModelHead.SequenceClassification ? ["a", "b", "c"] : [];
}
