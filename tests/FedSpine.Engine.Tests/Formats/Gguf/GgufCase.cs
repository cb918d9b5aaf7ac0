using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Engine.Tests.Formats.Gguf;

/// <summary>Tiny LLaMAs with a tokenizer that was trained on a few sentences.</summary>
internal static class GgufCase
{
    public const int Vocabulary = 320;

    public static readonly string[] Texts = ["the red ball was too high, she said", "She played with the ball in the park.\n\nIt's 1234 o'clock!", "  déjà vu — 世界 🙂", ""];

    public static ModelSpec Spec(bool tied = true, bool attentionBias = false, int layers = 4) => new()
    {
        Family = ModelFamily.Llama, Head = ModelHead.CausalLm, Width = 32, VocabularySize = Vocabulary, MaxPositions = 48, Activation = Activation.Silu,
        TieWordEmbeddings = tied, AttentionBias = attentionBias, NormEpsilon = 1e-6f, RopeTheta = 5000, BosId = 0, EosId = 2, PadId = 1,
        Layers = [.. Enumerable.Repeat(new LayerSpec(4, 2, 8, 64), layers)],
    };

    /// <summary>A tokenizer of a few entries less than the model's vocabulary.</summary>
    public static TempFolder Tokenizer()
    {
        var trainer = new BytePairTrainer();
        foreach (string text in Texts)
            trainer.Add(text + " " + text);
        var folder = new TempFolder();
        trainer.Train(Vocabulary - 20).Save(folder.Path);
        return folder;
    }

    /// <summary>About a third of the model gone by random scores: unequal layers.</summary>
    public static Model Pruned(Model model, ulong seed = 3) =>
        ModelSurgery.Prune(model, GlobalRanking.Select(model, Pruning.RandomModels.Scores(new DeterministicRandom(seed), model.Spec.Layers), 0.3));

    /// <summary>(2, 11, V) of fixed tokens.</summary>
    public static float[] Logits(Model model)
    {
        var random = new DeterministicRandom(9);
        var batch = new Batch(2, 11);
        BatchBuilder.CausalLm(batch, [.. Enumerable.Range(0, 2).Select(_ => Enumerable.Range(0, 11).Select(_ => random.NextInt(Vocabulary)).ToArray())], 0);
        using var inference = new Inference(model, 2, 11);
        return inference.Logits(batch);
    }
}
