using FedSpine.Bench.Measuring;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Bench.Workloads;

/// <summary>Models of well-known shapes with random weights. Shapes are never edited, so that figures stay comparable; add new ones.</summary>
internal static class BenchModels
{
    private const ulong Seed = 1;

    public static readonly string[] Names = ["roberta-base", "llama-110m", "llama-1b"];

    /// <exception cref="InputException">No such model.</exception>
    public static ModelSpec Spec(string name) => name switch
    {
        "roberta-base" => Encoder(layers: 12, vocabulary: 50265),
        "llama-110m" => Decoder(layers: 12, width: 768, vocabulary: 32000, new LayerSpec(12, 12, 64, 2048)),
        "llama-1b" => Decoder(layers: 22, width: 2048, vocabulary: 32000, new LayerSpec(32, 4, 64, 5632)),
        "tiny" => Decoder(layers: 2, width: 32, vocabulary: 64, new LayerSpec(4, 2, 8, 32)) with { MaxPositions = 16 }, // for devices that only debug
        _ => throw new InputException($"--model {name}: expected {string.Join(", ", Names)}"),
    };

    /// <summary>Bytes of weights that decoding a token reads: tied embeddings once, as the head; of others a row, which is left out.</summary>
    public static double BytesPerToken(Model model) =>
        model.Parameters.Where(p => model.Spec.TieWordEmbeddings || p != model.Embeddings.Words).Sum(p => (double)p.Rows * p.Type.RowBytes(p.Columns));

    /// <summary>Blocks of RoBERTa-base, with two classes.</summary>
    public static ModelSpec Encoder(int layers, int vocabulary) => new()
    {
        Family = ModelFamily.Roberta, Head = ModelHead.SequenceClassification, Width = 768, VocabularySize = vocabulary, MaxPositions = 514,
        TypeVocabularySize = 1, Activation = Activation.Gelu, PadId = 1, BosId = 0, EosId = 2, Labels = ["0", "1"],
        Layers = [.. Enumerable.Repeat(new LayerSpec(12, 12, 64, 3072), layers)],
    };

    public static ModelSpec Decoder(int layers, int width, int vocabulary, LayerSpec layer) => new()
    {
        Family = ModelFamily.Llama, Head = ModelHead.CausalLm, Width = width, VocabularySize = vocabulary, MaxPositions = 2048,
        Activation = Activation.Silu, TieWordEmbeddings = layers < 22, BosId = 1, EosId = 2, Layers = [.. Enumerable.Repeat(layer, layers)],
    };

    /// <summary>An adapter on every linear layer of the blocks, scale 2.</summary>
    public static LoraSpec Lora(int rank) => new(rank, 2 * rank, LoraSpec.AllLinears);

    /// <summary>What random scores leave of a model at a pruning ratio: everything at 0. Nothing of the model is allocated.</summary>
    public static IReadOnlyList<KeptGroups> Keep(ModelSpec spec, double ratio)
    {
        using var backend = new RecordingBackend();
        using var model = Model.Create(backend, spec);
        var scores = LayerScores.Zero(spec.Layers);
        using IImportanceCriterion criterion = new RandomCriterion(Seed);
        criterion.Score(model, scores);
        return GlobalRanking.Select(model, scores, ratio);
    }

    /// <summary>The physically smaller shape.</summary>
    public static ModelSpec Pruned(ModelSpec spec, IReadOnlyList<KeptGroups> keep) => spec with
    {
        Layers = [.. spec.Layers.Select((layer, l) =>
            layer with { QueryHeads = keep[l].QueryHeads.Length, KeyValueHeads = keep[l].KeyValueHeads.Length, FfnWidth = keep[l].Channels.Length })],
    };

    /// <summary>--base.</summary>
    public static WeightType BaseType(CommandOptions options) => Enum.Parse<WeightType>(options.Choice("--base", "f32", "f32", "bf16", "q8_0"), ignoreCase: true);

    /// <summary>The model, pruned to a ratio, with random weights.</summary>
    public static Model Create(IComputeBackend backend, ModelSpec spec, Trainable trainable = Trainable.None, LoraSpec? lora = null, double ratio = 0,
        WeightType baseType = WeightType.F32)
    {
        var keep = Keep(spec, ratio);
        var model = Model.Create(backend, Pruned(spec, keep), trainable, lora, spec.Layers, keep, baseType);
        Randomise(model);
        return model;
    }

    /// <summary>
    /// Uniform values of the usual deviation, norms one, biases zero; also the adapters' B, so that every gradient is there. Through
    /// one small buffer, so that the peak of memory is the model's own.
    /// </summary>
    public static void Randomise(Model model)
    {
        var random = new DeterministicRandom(Seed);
        var buffer = new float[64 * 1024];
        foreach (var parameter in model.Parameters)
        {
            double bound = Math.Sqrt(1.2 / parameter.Columns); // of variance 2 / (5 columns)
            bool norm = parameter.IsVector && parameter.Name.EndsWith(".weight", StringComparison.Ordinal);
            int most = buffer.Length / parameter.Columns;
            for (int start = 0; start < parameter.Rows; start += most)
            {
                var part = buffer.AsSpan(0, Math.Min(most, parameter.Rows - start) * parameter.Columns);
                foreach (ref float value in part)
                    value = parameter.IsVector ? norm ? 1 : 0 : (float)random.NextDouble(-bound, bound);
                parameter.Write(model.Backend, start, part);
            }
        }
    }

    /// <summary>Full rows of random tokens; next-token targets for a decoder, alternating classes otherwise.</summary>
    public static Batch Batch(ModelSpec spec, int B, int T)
    {
        var random = new DeterministicRandom(Seed, 1);
        var batch = new Batch(B, T) { B = B, T = T };
        foreach (ref int id in batch.Ids.AsSpan())
            id = random.NextInt(spec.VocabularySize - 10) + 5;
        batch.Lengths.AsSpan().Fill(T);
        for (int i = 0; i < batch.Targets.Length; i++)
            batch.Targets[i] = !spec.IsDecoder ? i % 2 : i % T < T - 1 ? batch.Ids[i + 1] : Engine.Training.Batch.Ignore;
        return batch;
    }
}
