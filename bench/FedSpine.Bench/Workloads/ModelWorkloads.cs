using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Bench.Workloads;

/// <summary>What a model does: steps, forward passes, generation, importance, surgery, loading.</summary>
internal static class ModelWorkloads
{
    private const int Prompt = 512;

    /// <summary>Two blocks of RoBERTa-base with a small vocabulary: a step in tens of milliseconds.</summary>
    private static readonly ModelSpec s_twoBlocks = BenchModels.Encoder(layers: 2, vocabulary: 1000);

    private static readonly ModelSpec s_fourBlocks = BenchModels.Encoder(layers: 4, vocabulary: 1000);

    private static readonly ModelSpec s_smallDecoder = BenchModels.Decoder(layers: 4, width: 768, vocabulary: 8000, new LayerSpec(12, 4, 64, 2048));

    public static IReadOnlyList<WorkloadRecipe> Training { get; } =
    [
        Step("step two blocks", s_twoBlocks, 2, 128, 0, null),
        Step("step roberta-base", BenchModels.Spec("roberta-base"), 8, 128, 0, null),
        Step("step roberta-base pruned", BenchModels.Spec("roberta-base"), 8, 128, 0.5, null),
    ];

    public static IReadOnlyList<WorkloadRecipe> Inference { get; } =
    [
        Forward("inference two blocks", s_twoBlocks, 2, 128, 0),
        Forward("inference roberta-base", BenchModels.Spec("roberta-base"), 8, 128, 0),
        Forward("inference roberta-base pruned", BenchModels.Spec("roberta-base"), 8, 128, 0.5),
    ];

    public static IReadOnlyList<WorkloadRecipe> Generation { get; } =
    [
        Prefill("prefill small decoder", s_smallDecoder, 128),
        Decode("decode small decoder", s_smallDecoder),
        Prefill("prefill llama-110m", BenchModels.Spec("llama-110m"), Prompt),
        Decode("decode llama-110m", BenchModels.Spec("llama-110m")),
    ];

    public static IReadOnlyList<WorkloadRecipe> Pruning { get; } =
    [
        Step("importance taylor", s_twoBlocks, 2, 128, 0, "taylor"),
        Step("importance lora-gradient", s_twoBlocks, 2, 128, 0, "lora-gradient"),
        Surgery("surgery", s_fourBlocks, 0.25),
    ];

    public static IReadOnlyList<WorkloadRecipe> Loading { get; } = [Load("load", s_twoBlocks)];

    private static WorkloadRecipe Step(string name, ModelSpec spec, int B, int T, double ratio, string? criterion) => new(name, backend =>
    {
        var model = BenchModels.Create(backend, spec, Trainable.Adapter, BenchModels.Lora(8), ratio);
        var trainer = new Trainer(model, new TrainingOptions { LearningRate = 1e-6f }, B, T);
        var batch = BenchModels.Batch(spec, B, T);
        var scorer = criterion is null ? null : new ImportanceScorer(ImportanceCriteria.Create(criterion, 1), model);
        return new(NecessaryFlops.Training(model, B, T), 0, () => trainer.Step(batch, scorer), scorer is null ? [trainer, model] : [trainer, scorer, model]);
    });

    private static WorkloadRecipe Forward(string name, ModelSpec spec, int B, int T, double ratio) => new(name, backend =>
    {
        var model = BenchModels.Create(backend, spec, ratio: ratio);
        var inference = new Inference(model, B, T);
        var batch = BenchModels.Batch(spec, B, T);
        return new(NecessaryFlops.Forward(model, B, T), 0, () => inference.Evaluate(batch), inference, model);
    });

    private static WorkloadRecipe Prefill(string name, ModelSpec spec, int prompt) => new(name, backend =>
    {
        var (model, decoder, logits) = Decoder(backend, spec, prompt);
        int[] ids = [.. Enumerable.Range(1, prompt)];
        double head = 2.0 * spec.VocabularySize * spec.Width * (prompt - 1); // only the last token's logits are needed
        return new(NecessaryFlops.Forward(model, 1, prompt) - head, 0, () => decoder.Prefill(0, ids, logits), decoder, model);
    });

    /// <summary>The cache goes back to the prompt whenever it is full: a step in some hundreds is a prefill of 16 tokens.</summary>
    private static WorkloadRecipe Decode(string name, ModelSpec spec) => new(name, backend =>
    {
        const int context = 512, shortPrompt = 16;
        var (model, decoder, logits) = Decoder(backend, spec, context);
        int[] ids = [.. Enumerable.Range(1, shortPrompt)], token = [7];
        void Run()
        {
            if (decoder.Cache.Lengths[0] is 0 or context)
                decoder.Prefill(0, ids, logits);
            decoder.Step(token, logits);
        }

        double read = 4.0 * (model.PrunableCount + (double)spec.VocabularySize * spec.Width);
        return new(NecessaryFlops.Forward(model, 1, 1), read, Run, decoder, model);
    });

    private static (Model Model, Decoder Decoder, float[] Logits) Decoder(IComputeBackend backend, ModelSpec spec, int context)
    {
        var model = BenchModels.Create(backend, spec);
        var decoder = new Decoder(model, 1, context);
        return (model, decoder, new float[decoder.LogitColumns]);
    }

    private static WorkloadRecipe Surgery(string name, ModelSpec spec, double ratio) => new(name, backend =>
    {
        var model = BenchModels.Create(backend, spec, Trainable.Adapter, BenchModels.Lora(8));
        var keep = BenchModels.Keep(spec, ratio);
        return new(0, 8.0 * model.PrunableCount * (1 - ratio), () => ModelSurgery.Prune(model, keep).Dispose(), model);
    });

    private static WorkloadRecipe Load(string name, ModelSpec spec) => new(name, backend =>
    {
        var folder = Directory.CreateTempSubdirectory("fedspine-bench-");
        using (var model = BenchModels.Create(backend, spec))
            ModelFolder.Save(model, folder.FullName);
        double bytes = 2.0 * folder.EnumerateFiles().Sum(f => f.Length);
        return new(0, bytes, () => ModelFolder.Load(backend, folder.FullName).Model.Dispose(), new DeletedFolder(folder));
    });

    private sealed class DeletedFolder(DirectoryInfo folder) : IDisposable
    {
        public void Dispose() => folder.Delete(recursive: true);
    }
}
